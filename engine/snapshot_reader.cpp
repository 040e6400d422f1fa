#include "engine/snapshot_reader.h"

#include "kernels/error.h"
#include "kernels/recording.h"

namespace mynah {
namespace {

void copy_values(Stream& stream, Vector to, ConstVector from) {
  kernels::copy_on_device(stream, to.data, from.data, static_cast<std::size_t>(to.size) * sizeof(float));
}

}  // namespace

SnapshotReader::SnapshotReader(Stream& stream, const Network& network, Value input, Value output,
                               const LossOptions& loss, const ResidentData* data)
    : stream_(stream.device()), network_(stream_, network.graph) {
  const Parameters &from = network.parameters, &to = network_.parameters;
  if (to.trained().size != from.trained().size || to.all().size != from.all().size) {
    throw Error(Error::Cause::internal, "snapshot reader", "tensors of the network are frozen");
  }
  kernels::run_after(stream_, stream);
  copy_values(stream_, to.all(), from.all());
  kernels::run_after(stream, stream_);  // what is trained next does not change what is still copied
  if (data != nullptr) {
    evaluation_ = std::make_unique<EvaluationPlan>(stream_, network_, input, output, loss, *data);
  }
}

void SnapshotReader::take(Stream& training, const TrainingPlan& plan, Index epoch) {
  kernels::run_after(stream_, training);
  copy_values(stream_, network_.parameters.trained(), plan.snapshot(epoch).trained());
  network_.parameters.changed();
}

}  // namespace mynah
