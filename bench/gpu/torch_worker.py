"""PyTorch on the same GPU: eager, compiled (reduce-overhead), and a hand-made CUDA graph with fused AdamW. The job is cugru's: rows are
gathered from a dataset on the device, a recurrent stack, a dense layer, cross-entropy, AdamW."""
import json
import statistics
import sys
import time

import torch

if not torch.cuda.is_available():
    raise SystemExit("torch has no CUDA here")
torch.manual_seed(1)
device = torch.device("cuda")
graph_warm_up = 5


class Classifier(torch.nn.Module):
    def __init__(self, c, classes):
        super().__init__()
        kind = torch.nn.LSTM if c.get("cell") == "lstm" else torch.nn.GRU
        self.rnn = kind(c["inputs"], c["units"], c["layers"], batch_first=True, bidirectional=c["directions"] == 2)
        self.out = torch.nn.Linear(c["units"] * c["directions"], classes)

    def forward(self, x):
        y, _ = self.rnn(x)
        return self.out(y[:, -1])


def allow(precision):
    tf32 = precision != "fp32"
    torch.backends.cuda.matmul.allow_tf32 = tf32
    torch.backends.cudnn.allow_tf32 = tf32


class Case:
    def __init__(self, c, classes, batches, engine, bytes_in=False):
        allow(c["precision"])
        self.c, self.batches, self.engine = c, batches, engine
        rows = c["batch"] * batches
        if bytes_in:
            self.x = torch.randint(0, 256, (rows, c["steps"], c["inputs"]), dtype=torch.uint8, device=device)
        else:
            self.x = torch.randn(rows, c["steps"], c["inputs"], device=device)
        self.y = torch.arange(rows, device=device) * 7 % classes
        self.model = Classifier(c, classes).to(device)
        fused = engine == "graph"
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4, fused=fused, capturable=fused)
        self.run = torch.compile(self.model, mode="reduce-overhead") if engine == "compiled" else self.model
        self.index = torch.arange(c["batch"], device=device)
        self.graphs, self.answers = {}, {}

    def autocast(self):
        kind = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(self.c["precision"])
        return torch.autocast("cuda", kind, enabled=kind is not None, cache_enabled=self.engine != "graph")

    def loss(self):
        x = self.x.index_select(0, self.index)
        if x.dtype == torch.uint8:
            x = x.float().mul_(1 / 255)
        with self.autocast():
            return torch.nn.functional.cross_entropy(self.run(x).float(), self.y.index_select(0, self.index))

    def train(self):
        self.optimizer.zero_grad(set_to_none=True)
        self.loss().backward()
        self.optimizer.step()

    def forward(self):
        with torch.inference_mode(self.engine != "graph"), torch.no_grad():
            self.loss()

    def recorded(self, name):
        if name not in self.graphs:
            step = getattr(self, name)
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                for _ in range(graph_warm_up):
                    step()
            torch.cuda.current_stream().wait_stream(side)
            graph = torch.cuda.CUDAGraph()
            self.optimizer.zero_grad(set_to_none=True)
            with torch.cuda.graph(graph):
                step()
            self.graphs[name] = graph
        return self.graphs[name]

    def epoch(self, name):
        self.model.train(name == "train")
        step = self.recorded(name).replay if self.engine == "graph" else getattr(self, name)
        order = torch.randperm(len(self.x), device=device)
        batch = self.c["batch"]
        for first in range(0, len(self.x) - batch + 1, batch):
            self.index.copy_(order[first : first + batch])
            step()
        torch.cuda.synchronize()

    def predict_row(self):
        with torch.inference_mode(self.engine != "graph"), torch.no_grad(), self.autocast():
            self.answers["predict_row"] = self.run(self.row_in).float().softmax(-1)

    def train_row(self):
        self.optimizer.zero_grad(set_to_none=True)
        with self.autocast():
            loss = torch.nn.functional.cross_entropy(self.run(self.row_in).float(), self.label_in)
        loss.backward()
        self.optimizer.step()
        self.answers["train_row"] = loss.detach()

    def latency(self, name):
        """A row from host memory, and what came of it back; the hand-made graph reads a place that the row is copied into."""
        if not hasattr(self, "row"):
            self.row = torch.randn(1, self.c["steps"], self.c["inputs"])
            self.label = torch.zeros(1, dtype=torch.long)
            self.row_in, self.label_in = self.row.to(device), self.label.to(device)
        self.model.train(name == "train_row")
        self.row_in.copy_(self.row)
        if name == "train_row":
            self.label_in.copy_(self.label)
        step = self.recorded(name).replay if self.engine == "graph" else getattr(self, name)
        step()
        self.answers[name].cpu()


def sample(call, seconds):
    call()
    call()
    times, begin = [], time.perf_counter()
    while len(times) < 3 or time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        call()
        times.append((time.perf_counter() - start) * 1e3)
    return times


opened = {}


def hello(request):
    return {
        "version": torch.__version__,
        "device": torch.cuda.get_device_name(),
        "versions": {"cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version()},
    }


def prepare(request):
    opened.clear()
    torch.cuda.empty_cache()
    opened["case"] = Case(request["c"], request["classes"], request["batches"], request["engine"])
    return {}


def measure(request):
    case, name = opened["case"], request["pass"]
    rows = {"latency": "predict_row", "train latency": "train_row"}
    if name in rows:
        times, steps = sample(lambda: case.latency(rows[name]), request["seconds"]), 1
    else:
        times, steps = sample(lambda: case.epoch(name), request["seconds"]), case.batches
    return {"ms": statistics.median(times) / steps, "least": min(times) / steps, "most": max(times) / steps}


def peak(request):
    allow(request["precision"])
    kind = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(request["precision"], torch.float32)
    n = request["size"]
    a, b = torch.randn(n, n, device=device, dtype=kind), torch.randn(n, n, device=device, dtype=kind)
    c = torch.empty(n, n, device=device, dtype=kind)

    def call():
        torch.mm(a, b, out=c)
        torch.cuda.synchronize()

    ms = min(sample(call, 0.5))
    return {"ms": ms, "tflops": 2 * n**3 / ms / 1e9}


def epoch(request):
    opened.clear()
    side = request["side"]
    c = {"steps": side, "inputs": side, "batch": request["batch"], "units": request["units"], "layers": 2}
    c.update(directions=1, precision=request["precision"])
    case = Case(c, 10, request["images"] // request["batch"], request["engine"], bytes_in=True)
    case.epoch("train")
    case.epoch("train")
    times = []
    for _ in range(request["epochs"]):
        start = time.perf_counter()
        case.epoch("train")
        times.append(time.perf_counter() - start)
    return {"seconds": min(times), "ms": min(times) * 1e3 / case.batches}


kinds = {"hello": hello, "prepare": prepare, "measure": measure, "peak": peak, "epoch": epoch}
for line in sys.stdin:
    try:
        request = json.loads(line)
        answer = kinds[request["kind"]](request)
    except Exception as error:  # the next request may be answered
        answer = {"refused": (str(error).splitlines() or [type(error).__name__])[0]}
    print(json.dumps(answer), flush=True)
