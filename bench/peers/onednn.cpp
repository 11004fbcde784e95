// oneDNN 2: its GRU with the linear part before the reset (cuDNN's form), weights in the layout that it likes best.
#include <omp.h>

#include <cstdlib>
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <stdexcept>
#include <unordered_map>

#include "worker.h"

using dnnl::memory;
using Tag = memory::format_tag;
using Arguments = std::unordered_map<int, memory>;

namespace {

struct Engine {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
};

memory filled(Engine& e, const memory::desc& desc, float value) {
  memory m(desc, e.engine);
  float* data = static_cast<float*>(m.get_data_handle());
  for (size_t i = 0; i < desc.get_size() / sizeof(float); ++i) data[i] = value * static_cast<float>(i % 17) - 0.05f;
  return m;
}

// In the layout that the primitive asks for: packed once, as a user would keep it.
memory reordered(Engine& e, const memory& from, const memory::desc& to) {
  if (from.get_desc() == to) return from;
  memory m(to, e.engine);
  dnnl::reorder(from, m).execute(e.stream, const_cast<memory&>(from), m);
  e.stream.wait();
  return m;
}

std::function<void()> prepare(Engine& e, const Case& c) {
  const bool train = c.pass == "train";
  if (c.pass != "forward" && c.pass != "train" && c.pass != "step") throw std::runtime_error("recurrent layers only");
  if (c.layers > 1 && (c.inputs != c.units || c.directions > 1)) throw std::runtime_error("layers of one width only");
  const auto f32 = memory::data_type::f32;
  const auto direction = c.directions == 2 ? dnnl::rnn_direction::bidirectional_concat
                                           : dnnl::rnn_direction::unidirectional_left2right;
  const auto dims = [&](memory::dims d, Tag tag) { return memory::desc(d, f32, tag); };
  const auto source = dims({c.steps, c.batch, c.inputs}, Tag::tnc), result = dims({c.steps, c.batch, c.directions * c.units}, Tag::tnc);
  const memory::dims wx{c.layers, c.directions, c.inputs, 3, c.units}, wh{c.layers, c.directions, c.units, 3, c.units};
  const auto bias = dims({c.layers, c.directions, 4, c.units}, Tag::ldgo);
  const memory::desc none;
  using Forward = dnnl::lbr_gru_forward;
  using Backward = dnnl::lbr_gru_backward;
  const auto kind = train ? dnnl::prop_kind::forward_training : dnnl::prop_kind::forward_inference;
  Forward::primitive_desc forward({kind, direction, source, none, dims(wx, Tag::any), dims(wh, Tag::any), bias, result, none},
                                  e.engine);
  const memory x = filled(e, source, 0.01f), b = filled(e, bias, 0.01f), y(result, e.engine);
  const memory weightsX = filled(e, dims(wx, Tag::ldigo), 0.005f), weightsH = filled(e, dims(wh, Tag::ldigo), 0.005f);
  Arguments in{{DNNL_ARG_SRC_LAYER, x}, {DNNL_ARG_BIAS, b}, {DNNL_ARG_DST_LAYER, y}};
  in[DNNL_ARG_WEIGHTS_LAYER] = reordered(e, weightsX, forward.weights_layer_desc());
  in[DNNL_ARG_WEIGHTS_ITER] = reordered(e, weightsH, forward.weights_iter_desc());
  auto run = std::make_shared<Forward>(forward);
  if (!train) {
    return [&e, run, in] {
      run->execute(e.stream, in);
      e.stream.wait();
    };
  }
  in[DNNL_ARG_WORKSPACE] = memory(forward.workspace_desc(), e.engine);
  Backward::primitive_desc backward({dnnl::prop_kind::backward, direction, source, none, dims(wx, Tag::any), dims(wh, Tag::any), bias,
                                     result, none, source, none, dims(wx, Tag::any), dims(wh, Tag::any), bias, result, none},
                                    e.engine, forward);
  Arguments back = in;
  back[DNNL_ARG_WEIGHTS_LAYER] = reordered(e, weightsX, backward.weights_layer_desc());
  back[DNNL_ARG_WEIGHTS_ITER] = reordered(e, weightsH, backward.weights_iter_desc());
  back[DNNL_ARG_DIFF_DST_LAYER] = filled(e, result, 0.01f);
  back[DNNL_ARG_DIFF_SRC_LAYER] = memory(source, e.engine);
  back[DNNL_ARG_DIFF_BIAS] = filled(e, bias, 0);
  const memory dx(backward.diff_weights_layer_desc(), e.engine), dh(backward.diff_weights_iter_desc(), e.engine);
  back[DNNL_ARG_DIFF_WEIGHTS_LAYER] = dx;
  back[DNNL_ARG_DIFF_WEIGHTS_ITER] = dh;
  auto runBack = std::make_shared<Backward>(backward);
  return [&e, run, in, runBack, back] {
    run->execute(e.stream, in);
    runBack->execute(e.stream, back);
    e.stream.wait();
  };
}

}  // namespace

int main(int, char** argv) {
  omp_set_num_threads(std::atoi(argv[1]));
  Engine engine;
  const auto* v = dnnl::version();
  const std::string version = std::to_string(v->major) + "." + std::to_string(v->minor) + "." + std::to_string(v->patch);
  return serve("onednn", version, [&](const Case& c) { return prepare(engine, c); });
}
