#include "kernels/mlp_training.h"

#include "kernels/cuda/activation_function.h"
#include "kernels/cuda/adam_element.h"
#include "kernels/cuda/block_reduce.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/mlp_training_plan.h"
#include "kernels/cuda/pack.h"
#include "kernels/cuda/shared_memory.h"
#include "kernels/loss_functions.h"
#include "kernels/permutation.h"
#include "kernels/schedule_functions.h"

namespace mynah::kernels::cuda {
namespace {

constexpr int threads = mlp_training_threads;

struct MlpTrainingArguments {
  MlpTrainingPlan plan;
  MlpObjective objective;
  MlpData data;
  const MlpMember* members;
  MlpSteps steps;
};

/// What a step of the optimizer needs, from one thread for all.
struct StepFactors {
  AdamFactors adam;
  float rate;
};

/// Everything a block needs to know while it trains one network; all threads hold the same.
struct Trainer {
  const MlpTrainingArguments& arguments;
  const MlpTrainingPlan& plan;
  float* shared;
  const StepFactors& factors;
  const MlpMember& member;

  __device__ const MlpLayerPlan& layer(int l) const { return plan.layers[l]; }
  /// What goes into layer l, and how long its rows are.
  __device__ float* values(int l) const { return shared + (l == 0 ? plan.input : plan.layers[l - 1].values); }
  __device__ int values_length(int l) const { return l == 0 ? plan.input_length : plan.layers[l - 1].values_length; }
  /// What layer l - 1's activation kept for its derivative.
  __device__ const float* operand(int l) const {
    const MlpLayerPlan& before = plan.layers[l - 1];
    return shared + (before.before < 0 ? before.values : before.before);
  }
  __device__ float* deltas(int l) const { return shared + plan.deltas[l % 2]; }
  __device__ bool has_bias(int l) const { return l < plan.layer_count && plan.layers[l].bias >= 0; }
};

/// Calls visit(place in shared memory, place among the parameters) for every weight and bias.
template <class Visit>
__device__ __forceinline__ void for_each_parameter(const MlpTrainingPlan& plan, const Visit& visit) {
  for (int l = 0; l < plan.layer_count; ++l) {
    const MlpLayerPlan& layer = plan.layers[l];
    const int rows = layer.bias < 0 ? layer.inputs : layer.inputs + 1;
    // In the order of device memory, so that neighbouring threads read neighbours.
    for (int at = static_cast<int>(threadIdx.x); at < layer.outputs * rows; at += threads) {
      const bool is_bias = at >= layer.outputs * layer.inputs;
      const int rest = at - layer.outputs * layer.inputs;
      const int output = is_bias ? rest : at / layer.inputs;
      const int input = is_bias ? layer.inputs : at % layer.inputs;
      visit(layer.weights + input * layer.length + output, is_bias ? layer.bias + rest : layer.weight + at);
    }
  }
}

/// The arrays of parameters behind each other in shared memory, and where they are in device memory.
struct StateArrays {
  float* device[3];
  int count = 0;
  __device__ StateArrays(const MlpObjective& objective, const MlpMember& member) {
    device[count++] = member.parameters;
    if (!objective.descends || objective.sgd.momentum != 0.0) device[count++] = member.first_moment;
    if (!objective.descends) device[count++] = member.second_moment;
  }
};

__device__ void load_network(const Trainer& t, const StateArrays& state) {
  for (int i = static_cast<int>(threadIdx.x); i < t.plan.total; i += threads) t.shared[i] = 0.0f;
  __syncthreads();
  for_each_parameter(t.plan, [&](int place, Index parameter) {
    for (int a = 0; a < state.count; ++a) t.shared[a * t.plan.parameters + place] = state.device[a][parameter];
  });
  for (int l = 1; l < t.plan.layer_count; ++l) {
    if (!t.has_bias(l)) continue;
    for (int row = static_cast<int>(threadIdx.x); row < t.plan.chunk; row += threads) {
      t.values(l)[row * t.values_length(l) + t.layer(l).inputs] = 1.0f;
    }
  }
}

__device__ void store_network(const Trainer& t, const StateArrays& state) {
  for_each_parameter(t.plan, [&](int place, Index parameter) {
    for (int a = 0; a < state.count; ++a) state.device[a][parameter] = t.shared[a * t.plan.parameters + place];
  });
}

/// The row of the data that an epoch takes at `place`.
__device__ __forceinline__ Index row_number(const Trainer& t, Index place) {
  if (t.member.order != nullptr) return t.member.order[place];
  const auto size = static_cast<std::uint32_t>(t.arguments.steps.rows);
  const auto epoch = static_cast<std::uint64_t>(t.arguments.steps.epoch);
  return permuted_index(t.member.order_key, epoch, size, permutation_half_bits(size),
                        static_cast<std::uint32_t>(place));
}

/// Rows [first, first + rows) of the epoch, a warp for each: inputs, a 1 for the bias, targets; zeros up to the chunk.
__device__ void gather_chunk(const Trainer& t, Index first, int rows) {
  const MlpData& data = t.arguments.data;
  const int lane = static_cast<int>(threadIdx.x) % 32, inputs = t.layer(0).inputs;
  for (int row = static_cast<int>(threadIdx.x) / 32; row < t.plan.chunk; row += threads / 32) {
    float* to = t.shared + t.plan.input + row * t.plan.input_length;
    if (row >= rows) {
      for (int c = lane; c < t.plan.input_length; c += 32) to[c] = 0.0f;
      continue;
    }
    const Index number = row_number(t, first + row);
    for (int c = lane; c < inputs; c += 32) to[c] = data.inputs.data[number * data.inputs.stride + c];
    if (lane == 0 && t.has_bias(0)) to[inputs] = 1.0f;
    float* target = t.shared + t.plan.targets + row * t.plan.targets_length;
    if (t.arguments.objective.labels) {
      if (lane == 0) target[0] = __int_as_float(data.labels.data[number]);
    } else {
      for (int c = lane; c < t.plan.targets_length; c += 32) {
        target[c] = data.values.data[number * data.values.stride + c];
      }
    }
  }
}

/// sums[i][j] += Σ of four products: a[i] . b[j].
__device__ __forceinline__ void add_dots(float (&sums)[4][4], const Pack<4> (&a)[4], const Pack<4> (&b)[4]) {
#pragma unroll
  for (int k = 0; k < 4; ++k) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
#pragma unroll
      for (int j = 0; j < 4; ++j) sums[i][j] += a[i].value[k] * b[j].value[k];
    }
  }
}

/// sums[i][j] += Σ_k a[i](k) rows[k](j): a is read along k, rows along j.
__device__ __forceinline__ void add_rows(float (&sums)[4][4], const Pack<4> (&a)[4], const Pack<4> (&rows)[4]) {
#pragma unroll
  for (int k = 0; k < 4; ++k) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
#pragma unroll
      for (int j = 0; j < 4; ++j) sums[i][j] += a[i].value[k] * rows[k].value[j];
    }
  }
}

__device__ __forceinline__ void load_four_rows(Pack<4> (&rows)[4], const float* from, int length) {
#pragma unroll
  for (int i = 0; i < 4; ++i) rows[i] = load<4>(from + i * length);
}

__device__ __forceinline__ void write_value(const Trainer& t, const MlpLayerPlan& layer, int row, int output, float z) {
  const int place = row * layer.values_length + output;
  if (layer.before >= 0) t.shared[layer.before + place] = z;
  t.shared[layer.values + place] = activated(layer.activation, z);
}

/// Layers of no more outputs than this have too few tiles for the block: there a warp takes a tile, and its lanes share
/// the sum over the inputs.
constexpr int few_outputs = 16;

/// y = activation(x wᵀ + b) for tiles of 4 rows by 4 outputs.
__device__ void forward(const Trainer& t, int l, int rows) {
  const MlpLayerPlan& layer = t.layer(l);
  const float* x = t.values(l);
  const float* w = t.shared + layer.weights;
  const int length = t.values_length(l), across = (layer.outputs + 3) / 4, tiles = (rows + 3) / 4 * across;
  const bool shared_sums = layer.outputs <= few_outputs;
  const int lanes = shared_sums ? 32 : 1, lane = static_cast<int>(threadIdx.x) % lanes;
  for (int tile = static_cast<int>(threadIdx.x) / lanes; tile < tiles; tile += threads / lanes) {
    const int row = tile / across * 4, output = tile % across * 4;
    float sums[4][4] = {};
    for (int k = 4 * lane; k < layer.depth; k += 4 * lanes) {
      Pack<4> a[4], b[4];
      load_four_rows(a, x + row * length + k, length);
      load_four_rows(b, w + k * layer.length + output, layer.length);
      add_rows(sums, a, b);
    }
#pragma unroll
    for (int i = 0; i < 4; ++i) {
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        if (shared_sums) sums[i][j] = warp_sum(sums[i][j]);
        const bool mine = !shared_sums || lane == 4 * i + j;
        if (mine && output + j < layer.outputs) write_value(t, layer, row + i, output + j, sums[i][j]);
      }
    }
  }
}

/// f and f' of a loss, chosen at run time.
struct LossTerm {
  double value;
  float gradient;
};
__device__ __forceinline__ LossTerm loss_term(ElementwiseLoss loss, float prediction, float target) {
  switch (loss.kind()) {
#define MYNAH_CASE(name, type)                                                 \
  case ElementwiseLoss::name:                                                  \
    return {loss_functions::type::value(prediction, target, loss.parameter()), \
            loss_functions::type::gradient(prediction, target, loss.parameter())};
    MYNAH_ELEMENTWISE_LOSSES(MYNAH_CASE)
#undef MYNAH_CASE
  }
  return {0.0, 0.0f};
}

/// dL/dz of the last layer, of which the gradient behind the activation is `gradient`.
__device__ __forceinline__ void write_last_delta(const Trainer& t, int row, int output, float gradient) {
  const int last = t.plan.layer_count;
  const MlpLayerPlan& layer = t.layer(last - 1);
  const float operand = t.operand(last)[row * layer.values_length + output];
  t.deltas(last - 1)[row * layer.length + output] = activation_gradient(layer.activation, operand, gradient);
}

/// Returns this thread's share of Σ over rows and outputs of f, divided by the outputs.
__device__ double elementwise_deltas(const Trainer& t, int rows, Index rows_of_batch) {
  const MlpLayerPlan& layer = t.layer(t.plan.layer_count - 1);
  const auto share = static_cast<float>(1.0 / (static_cast<double>(rows_of_batch) * layer.outputs));
  double sum = 0.0;
  for (int at = static_cast<int>(threadIdx.x); at < rows * layer.outputs; at += threads) {
    const int row = at / layer.outputs, output = at % layer.outputs;
    const float prediction = t.shared[layer.values + row * layer.values_length + output];
    const LossTerm term = loss_term(t.arguments.objective.loss, prediction, t.shared[t.plan.targets + at]);
    sum += term.value;
    write_last_delta(t, row, output, share * term.gradient);
  }
  return sum / layer.outputs;
}

/// The same for softmax cross-entropy, a thread for each row.
__device__ double softmax_deltas(const Trainer& t, int rows, Index rows_of_batch) {
  const MlpLayerPlan& layer = t.layer(t.plan.layer_count - 1);
  const auto share = static_cast<float>(1.0 / static_cast<double>(rows_of_batch));
  double sum = 0.0;
  for (int row = static_cast<int>(threadIdx.x); row < rows; row += threads) {
    const float* logits = t.shared + layer.values + row * layer.values_length;
    const int label = __float_as_int(t.shared[t.plan.targets + row]);
    const bool is_class = label >= 0 && label < layer.outputs;
    float largest = -INFINITY, partition = 0.0f;
    for (int c = 0; c < layer.outputs; ++c) largest = logits[c] > largest ? logits[c] : largest;
    for (int c = 0; c < layer.outputs; ++c) partition += expf(logits[c] - largest);
    for (int c = 0; c < layer.outputs; ++c) {
      const float probability = expf(logits[c] - largest) / partition;
      write_last_delta(t, row, c, is_class ? (probability - (c == label ? 1.0f : 0.0f)) * share : NAN);
    }
    sum += !is_class ? static_cast<double>(NAN)
                     : log(static_cast<double>(partition)) + static_cast<double>(largest) -
                           static_cast<double>(logits[label]);
  }
  return sum;
}

/// Zeros behind the last outputs of dL/dz of layer l, and in the rows up to a multiple of 4.
__device__ void clear_edges(const Trainer& t, int l, int rows) {
  const MlpLayerPlan& layer = t.layer(l);
  const int columns = up_to_fours(layer.outputs);
  for (int at = static_cast<int>(threadIdx.x); at < up_to_fours(rows) * columns; at += threads) {
    const int row = at / columns, output = at % columns;
    if (row >= rows || output >= layer.outputs) t.deltas(l)[row * layer.length + output] = 0.0f;
  }
}

/// dL/dz of layer l - 1 from that of layer l: (dz w) f', tiles of 4 rows by 4 inputs that lie apart, so that
/// neighbouring threads read neighbouring rows of w.
__device__ void backward(const Trainer& t, int l, int rows) {
  const MlpLayerPlan &layer = t.layer(l), &before = t.layer(l - 1);
  const float* dz = t.deltas(l);
  const float* w = t.shared + layer.weights;
  const float* operand = t.operand(l);
  float* to = t.deltas(l - 1);
  const int across = (layer.inputs + 3) / 4, tiles = (rows + 3) / 4 * across;
  for (int tile = static_cast<int>(threadIdx.x); tile < tiles; tile += threads) {
    const int row = tile / across * 4, input = tile % across;
    float sums[4][4] = {};
    for (int k = 0; k < layer.outputs; k += 4) {
      Pack<4> a[4], b[4];
      load_four_rows(a, dz + row * layer.length + k, layer.length);
      load_four_rows(b, w + input * layer.length + k, across * layer.length);
      add_dots(sums, a, b);
    }
#pragma unroll
    for (int i = 0; i < 4; ++i) {
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        const int of = input + j * across;
        if (of >= layer.inputs) continue;
        const float kept = operand[(row + i) * before.values_length + of];
        to[(row + i) * before.length + of] = activation_gradient(before.activation, kept, sums[i][j]);
      }
    }
  }
}

/// The optimizer's step for four neighbouring weights.
__device__ __forceinline__ void update(const Trainer& t, int place, const Pack<4>& gradient) {
  const MlpObjective& objective = t.arguments.objective;
  float* at = t.shared + place;
  Pack<4> theta = load<4>(at);
  if (!objective.descends) {
    Pack<4> first = load<4>(at + t.plan.parameters), second = load<4>(at + 2 * t.plan.parameters);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      adam_element(t.factors.adam, gradient.value[i], theta.value[i], first.value[i], second.value[i]);
    }
    store<4>(at + t.plan.parameters, first);
    store<4>(at + 2 * t.plan.parameters, second);
  } else {
    SgdOptions options = objective.sgd;
    options.weight_decay = t.member.weight_decay;
    const SgdCoefficients coefficients(options, t.factors.rate);
    if (objective.sgd.momentum != 0.0) {
      Pack<4> buffer = load<4>(at + t.plan.parameters);
#pragma unroll
      for (int i = 0; i < 4; ++i) coefficients.step<true>(gradient.value[i], theta.value[i], buffer.value[i]);
      store<4>(at + t.plan.parameters, buffer);
    } else {
      float none = 0.0f;
#pragma unroll
      for (int i = 0; i < 4; ++i) coefficients.step<false>(gradient.value[i], theta.value[i], none);
    }
  }
  store<4>(at, theta);
}

/// Of which chunk of a batch a gradient is: it begins at zero, and at the end it is applied.
struct ChunkOfBatch {
  bool first, last;
};

/// dw += dzᵀ x of layer l, and the optimizer's step: tiles of `tall` inputs by 4 outputs, each summed over the rows in
/// order, whatever the chunks are.
template <int tall>
__device__ void train_weights(const Trainer& t, int l, int rows, const ChunkOfBatch& chunk) {
  const MlpLayerPlan& layer = t.layer(l);
  const float* x = t.values(l);
  const float* dz = t.deltas(l);
  const int length = t.values_length(l), across = (layer.outputs + 3) / 4, tiles = layer.depth / tall * across;
  for (int tile = static_cast<int>(threadIdx.x); tile < tiles; tile += threads) {
    const int input = tile / across * tall, output = tile % across * 4;
    const int place = layer.weights + input * layer.length + output;
    Pack<4> sums[tall] = {};
    if (!chunk.first) {
#pragma unroll
      for (int i = 0; i < tall; ++i) sums[i] = load<4>(t.shared + t.plan.gradient + place + i * layer.length);
    }
    for (int row = 0; row < rows; ++row) {
      const Pack<tall> a = load<tall>(x + row * length + input);
      const Pack<4> b = load<4>(dz + row * layer.length + output);
#pragma unroll
      for (int i = 0; i < tall; ++i) {
#pragma unroll
        for (int j = 0; j < 4; ++j) sums[i].value[j] += a.value[i] * b.value[j];
      }
    }
#pragma unroll
    for (int i = 0; i < tall; ++i) {
      if (chunk.last) {
        update(t, place + i * layer.length, sums[i]);
      } else {
        store<4>(t.shared + t.plan.gradient + place + i * layer.length, sums[i]);
      }
    }
  }
}

/// One chunk of a batch, from gathering to weight gradients. Returns this thread's share of its loss.
__device__ double train_chunk(const Trainer& t, Index first, int rows, Index rows_of_batch, const ChunkOfBatch& chunk) {
  const int last = t.plan.layer_count - 1;
  gather_chunk(t, first, rows);
  __syncthreads();
  for (int l = 0; l <= last; ++l) {
    forward(t, l, rows);
    __syncthreads();
  }
  const double loss = t.arguments.objective.labels ? softmax_deltas(t, rows, rows_of_batch)
                                                   : elementwise_deltas(t, rows, rows_of_batch);
  clear_edges(t, last, rows);
  __syncthreads();
  for (int l = last; l >= 0; --l) {
    if (l > 0) {
      backward(t, l, rows);
      clear_edges(t, l - 1, rows);
      __syncthreads();  // the weights are read before they change
    }
    // Few tiles of 4 x 4 would leave most of the block without work.
    if (t.layer(l).depth / 4 * ((t.layer(l).outputs + 3) / 4) * 2 > threads) {
      train_weights<4>(t, l, rows, chunk);
    } else {
      train_weights<1>(t, l, rows, chunk);
    }
    __syncthreads();
  }
  return loss;
}

__global__ void __launch_bounds__(threads, 1) mlp_training_kernel(MlpTrainingArguments arguments) {
  __shared__ StepFactors factors;
  const MlpMember member = arguments.members[blockIdx.x];
  const MlpSteps& steps = arguments.steps;
  const MlpObjective& objective = arguments.objective;
  const Trainer t{arguments, arguments.plan, dynamic_shared<float>(), factors, member};
  const StateArrays state(objective, member);
  load_network(t, state);
  const Index steps_before = *member.steps;
  double loss = 0.0;
  for (Index step = 0; step < steps.count; ++step) {
    if (threadIdx.x == 0) {  // whoever reads it waits at the barriers in between
      const Index number = steps_before + step + 1;
      const double factor = schedule_factor(objective.schedule, number - 1);
      factors.rate = static_cast<float>(static_cast<double>(*member.learning_rate) * factor);
      AdamOptions options = objective.adam;
      options.weight_decay = member.weight_decay;
      if (!objective.descends) factors.adam = adam_factors(options, factors.rate, number);
    }
    const Index first = steps.first_row + step * steps.batch;
    const Index rows = steps.rows - first < steps.batch ? steps.rows - first : steps.batch;
    for (Index done = 0; done < rows; done += arguments.plan.chunk) {
      const Index rest = rows - done;
      const int count = rest < arguments.plan.chunk ? static_cast<int>(rest) : arguments.plan.chunk;
      loss += train_chunk(t, first + done, count, rows, {done == 0, done + count == rows});
    }
  }
  store_network(t, state);
  const double total = block_sum<threads>(loss);
  if (threadIdx.x != 0) return;
  *member.loss_sum += total;
  *member.steps = steps_before + steps.count;
}

/// Shared memory that a block may ask for, beside what the kernel declares.
Index shared_floats(Stream& stream) {
  int bytes = 0;
  check(cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, stream.device().ordinal), "train_mlp");
  constexpr int declared = 512;  // the factors of a step, and sums of warps
  return (bytes - declared) / static_cast<int>(sizeof(float));
}

}  // namespace

Index mlp_training_chunk(Stream& stream, const MlpShape& shape, const MlpObjective& objective, Index batch) {
  const Index room = shared_floats(stream);
  // The floats of rows alone decide first: products of sizes could not be counted in 32 bits.
  for (int l = 0; l < shape.layer_count; ++l) {
    if (shape.inputs_of(l) > room || shape.inputs_of(l + 1) > room) return 0;
    if (shape.inputs_of(l) * shape.inputs_of(l + 1) > room) return 0;
  }
  const int whole = up_to_fours(std::min(batch, room)), least = std::min(whole, 16);
  for (int chunk = whole; chunk >= least; chunk -= 4) {
    if (plan_mlp_training(shape, objective, batch, chunk).total <= room) return chunk;
  }
  return 0;
}

void train_mlp(Stream& stream, const MlpShape& shape, const MlpObjective& objective, const MlpData& data,
               VectorView<const MlpMember> members, const MlpSteps& steps) {
  const Index chunk = cuda::mlp_training_chunk(stream, shape, objective, steps.batch);
  require(chunk > 0, "train_mlp", "a network that fits into a block's shared memory: see mlp_training_chunk");
  const MlpTrainingArguments arguments{plan_mlp_training(shape, objective, steps.batch, static_cast<int>(chunk)),
                                       objective, data, members.data, steps};
  const LaunchShape launch_shape{dim3(static_cast<unsigned>(members.size)), dim3(threads),
                                 static_cast<std::size_t>(arguments.plan.total) * sizeof(float)};
  const CurrentDevice current(stream.device().ordinal, "train_mlp");
  check(cudaFuncSetAttribute(reinterpret_cast<const void*>(mlp_training_kernel),
                             cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(launch_shape.shared_bytes)),
        "train_mlp");
  launch(stream, "train_mlp", launch_shape, mlp_training_kernel, arguments);
}

}  // namespace mynah::kernels::cuda
