"""PyTorch on the CPU. Time-major, inference mode for the forward, all gradients (input's too) for a train step."""
import statistics
import sys
import time

import torch

threads = int(sys.argv[1])
torch.set_num_threads(threads)
torch.set_num_interop_threads(1)
torch.manual_seed(1)


def sample(call, seconds):
    call()
    call()
    times, begin = [], time.perf_counter()
    while len(times) < 5 or time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        call()
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times), min(times), len(times)


def layer(steps, batch, inputs, units, layers, directions):
    gru = torch.nn.GRU(inputs, units, layers, bidirectional=directions == 2)
    return gru, torch.randn(steps, batch, inputs), torch.randn(steps, batch, directions * units)


def forward(gru, x):
    gru.eval()

    def call():
        with torch.inference_mode():
            gru(x)

    return call


def train(gru, x, dy):
    x.requires_grad_(True)

    def call():
        gru.zero_grad(set_to_none=True)
        x.grad = None
        gru(x)[0].backward(dy)

    return call


def idx(path, offset):
    import gzip
    import pathlib

    raw = pathlib.Path(path).read_bytes()
    raw = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    return torch.frombuffer(bytearray(raw), dtype=torch.uint8)[offset:]


class Article(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = torch.nn.GRU(28, 128, 2, batch_first=True)
        self.out = torch.nn.Linear(128, 10)

    def forward(self, x):
        return self.out(self.gru(x)[1][-1])


def epoch(images, labels, warm):
    """The main job: batches of 128 rows gathered at random, Adam with clipping and a cosine over the epoch."""
    x = (idx(images, 16).view(-1, 28, 28).float() / 255 - 0.1307) / 0.3081
    y = idx(labels, 8).long()
    model = Article()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, foreach=True)
    steps = (len(x) + 127) // 128
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    begin = None
    order = torch.randperm(len(x))
    for step in range(-warm, steps):
        if step == 0:
            begin = time.perf_counter()
        rows = order[max(step, 0) * 128 : (max(step, 0) + 1) * 128]
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(model(x[rows]), y[rows])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    ms = (time.perf_counter() - begin) * 1e3
    return ms, ms, 1


def answer(line):
    name, *rest = line.split()
    *axes, seconds = rest
    axes = [int(value) for value in axes]
    if name == "epoch":
        return epoch(sys.argv[2], sys.argv[3], 10)
    if name not in ("forward", "train", "step"):
        raise ValueError("not asked of PyTorch")
    gru, x, dy = layer(*axes)
    return sample(train(gru, x, dy) if name == "train" else forward(gru, x), float(seconds))


print("ready", "pytorch", torch.__version__, flush=True)
for line in sys.stdin:
    try:
        print("ok", *answer(line), flush=True)
    except Exception as error:
        print("refused", " ".join(str(error).split()), flush=True)
