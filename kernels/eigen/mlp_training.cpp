#include "kernels/mlp_training.h"

#include <algorithm>
#include <vector>

#include "kernels/classification.h"
#include "kernels/gather.h"
#include "kernels/linear.h"
#include "kernels/random.h"

namespace mynah::kernels::eigen {
namespace {

/// A matrix in memory of its own.
class Dense {
 public:
  Dense(Index rows, Index columns)
      : values_(static_cast<std::size_t>(rows * columns)), rows_(rows), columns_(columns) {}
  /// Its first rows.
  Matrix rows(Index count) { return {values_.data(), count, columns_}; }
  Vector flat() { return {values_.data(), rows_ * columns_}; }

 private:
  std::vector<float> values_;
  Index rows_, columns_;
};

/// The operations of one step, one after another.
class Steps {
 public:
  Steps(Stream& stream, const MlpShape& shape, const MlpObjective& objective, const MlpData& data, Index batch,
        Index parameter_count)
      : stream_(stream),
        shape_(shape),
        objective_(objective),
        data_(data),
        targets_(batch, objective.labels ? 0 : shape.outputs()),
        labels_(static_cast<std::size_t>(batch)),
        gradient_(1, parameter_count) {
    for (int l = 0; l <= shape.layer_count; ++l) {
      values_.emplace_back(batch, shape.inputs_of(l));
      before_.emplace_back(batch, shape.inputs_of(l));
      gradients_.emplace_back(batch, shape.inputs_of(l));
    }
  }

  /// order: of the whole epoch.
  void run(const MlpMember& member, ConstLabels order, Index first_row, Index rows) {
    const MlpData data = data_of(member);
    kernels::gather_rows(stream_, data.inputs, order, &first_row, values_[0].rows(rows));
    const Vector parameters{member.parameters, gradient_.flat().size};
    for (int l = 0; l < shape_.layer_count; ++l) forward(l, parameters, rows);
    evaluate_loss(data, order, first_row, rows, member.loss_sum);
    std::fill_n(gradient_.flat().data, gradient_.flat().size, 0.0f);
    for (int l = shape_.layer_count - 1; l >= 0; --l) backward(l, parameters, rows);
    step(member);
  }

 private:
  const MlpLayer& layer(int l) const { return shape_.layers[static_cast<std::size_t>(l)]; }
  Matrix weight(int l, Vector of) const { return {of.data + layer(l).weight, layer(l).outputs, shape_.inputs_of(l)}; }
  Vector bias(int l, Vector of) const {
    return layer(l).bias < 0 ? Vector{} : Vector{of.data + layer(l).bias, layer(l).outputs};
  }
  Matrix of_layer(std::vector<Dense>& matrices, int l, Index rows) {
    return matrices[static_cast<std::size_t>(l)].rows(rows);
  }

  void forward(int l, Vector parameters, Index rows) {
    const bool keeps = !layer(l).activation.keeps_output();
    kernels::linear_forward(stream_, of_layer(values_, l, rows), weight(l, parameters), bias(l, parameters),
                            layer(l).activation, of_layer(values_, l + 1, rows),
                            keeps ? of_layer(before_, l + 1, rows) : Matrix{}, {});
  }

  MlpData data_of(const MlpMember& member) const {
    MlpData data = data_;
    if (member.inputs != nullptr) data.inputs.data = member.inputs;
    if (member.values != nullptr) data.values.data = member.values;
    if (member.labels != nullptr) data.labels.data = member.labels;
    return data;
  }

  void evaluate_loss(const MlpData& data, ConstLabels order, Index first_row, Index rows, double* loss_sum) {
    const int last = shape_.layer_count;
    const Matrix prediction = of_layer(values_, last, rows), gradient = of_layer(gradients_, last, rows);
    const VectorView<double> sum{loss_sum, 1};
    if (objective_.labels) {
      const Labels labels{labels_.data(), rows};
      kernels::gather_labels(stream_, data.labels, order, &first_row, labels);
      kernels::softmax_cross_entropy_loss(stream_, prediction, labels, sum, gradient, {});
    } else {
      kernels::gather_rows(stream_, data.values, order, &first_row, targets_.rows(rows));
      kernels::elementwise_loss(stream_, objective_.loss, prediction, ConstMatrix(targets_.rows(rows)), sum, gradient,
                                {});
    }
    const Activation activation = layer(last - 1).activation;
    if (activation != Activation::none) {
      kernels::activation_backward(stream_, activation, operand(last, rows), gradient, gradient);
    }
  }

  /// What the activation in front of layer l has kept for its derivative.
  ConstMatrix operand(int l, Index rows) {
    return of_layer(layer(l - 1).activation.keeps_output() ? values_ : before_, l, rows);
  }

  void backward(int l, Vector parameters, Index rows) {
    const InputActivation<float> input_activation =
        l == 0 ? InputActivation<float>{} : InputActivation<float>{layer(l - 1).activation, operand(l, rows)};
    kernels::linear_backward(stream_, of_layer(values_, l, rows), weight(l, parameters),
                             of_layer(gradients_, l + 1, rows), l == 0 ? Matrix{} : of_layer(gradients_, l, rows),
                             weight(l, gradient_.flat()), bias(l, gradient_.flat()), input_activation, {});
  }

  void step(const MlpMember& member) {
    ++*member.steps;
    float rate = 0.0f;
    kernels::schedule_learning_rate(stream_, objective_.schedule, member.steps, member.learning_rate, &rate);
    for (int l = 0; l < shape_.layer_count; ++l) {
      step(member, layer(l).weight, layer(l).outputs * shape_.inputs_of(l), rate);
      if (layer(l).bias >= 0) step(member, layer(l).bias, layer(l).outputs, rate);
    }
  }

  /// Of one tensor: what lies between them is left alone.
  void step(const MlpMember& member, Index begin, Index size, float rate) {
    const Vector parameters{member.parameters + begin, size}, gradient{gradient_.flat().data + begin, size};
    if (objective_.descends) {
      SgdOptions options = objective_.sgd;
      options.weight_decay = member.weight_decay;
      const bool has_buffer = options.momentum != 0.0;
      kernels::sgd_step(stream_, options, &rate, parameters, gradient,
                        has_buffer ? Vector{member.first_moment + begin, size} : Vector{});
    } else {
      AdamOptions options = objective_.adam;
      options.weight_decay = member.weight_decay;
      kernels::adam_step(stream_, options, &rate, member.steps, parameters, gradient,
                         {member.first_moment + begin, size}, {member.second_moment + begin, size});
    }
  }

  Stream& stream_;
  const MlpShape& shape_;
  const MlpObjective& objective_;
  const MlpData& data_;
  std::vector<Dense> values_, before_, gradients_;  // number l goes into layer l
  Dense targets_;
  std::vector<std::int32_t> labels_;
  Dense gradient_;
};

/// Where the last tensor ends.
Index parameter_count(const MlpShape& shape) {
  Index end = 0;
  for (int l = 0; l < shape.layer_count; ++l) {
    const MlpLayer& layer = shape.layers[static_cast<std::size_t>(l)];
    end = std::max({end, layer.weight + layer.outputs * shape.inputs_of(l), layer.bias + layer.outputs});
  }
  return end;
}

/// What a launch leaves, tensor by tensor.
void leave_snapshot(const MlpShape& shape, const MlpMember& member, const MlpSnapshot& snapshot) {
  const auto leave = [&](Index begin, Index size) {
    std::copy_n(member.parameters + begin, size, snapshot.parameters + begin);
    if (member.first_moment != nullptr) std::copy_n(member.first_moment + begin, size, snapshot.first_moment + begin);
    if (member.second_moment != nullptr) {
      std::copy_n(member.second_moment + begin, size, snapshot.second_moment + begin);
    }
  };
  for (int l = 0; l < shape.layer_count; ++l) {
    const MlpLayer& layer = shape.layers[static_cast<std::size_t>(l)];
    leave(layer.weight, layer.outputs * shape.inputs_of(l));
    if (layer.bias >= 0) leave(layer.bias, layer.outputs);
  }
  *snapshot.steps = *member.steps;
  *snapshot.loss_sum = *member.loss_sum;
}

}  // namespace

void train_mlp(Stream& stream, const MlpShape& shape, const MlpObjective& objective, const MlpData& data,
               VectorView<const MlpMember> members, const MlpSteps& steps, const MlpPlacement&) {
  Steps one(stream, shape, objective, data, steps.batch, parameter_count(shape));
  std::vector<std::int32_t> drawn(static_cast<std::size_t>(steps.rows));
  for (Index i = 0; i < members.size; ++i) {
    const MlpMember& member = members.data[i];
    const Index rows = member.rows > 0 ? member.rows : steps.rows;
    const Index end = std::min(rows, steps.first_row + steps.count * steps.batch);
    ConstLabels order{member.order, rows};
    if (member.order == nullptr) {
      const Labels all{drawn.data(), rows};
      kernels::permutation(stream, member.order_key, &steps.epoch, all);
      order = all;
    }
    for (Index first = steps.first_row; first < end; first += steps.batch) {
      one.run(member, order, first, std::min(steps.batch, rows - first));
    }
    if (steps.snapshot >= 0) leave_snapshot(shape, member, member.snapshots[steps.snapshot]);
  }
}

}  // namespace mynah::kernels::eigen
