#include "kernels/mlp_service.h"

namespace mynah::kernels {

void serve_mlp(Stream& stream, const MlpShape& shape, [[maybe_unused]] const float* parameters, const MlpEnds& ends,
               const MlpMailbox& mailbox, [[maybe_unused]] const MlpServiceLaunch& launch) {
  require_mlp(shape, ends, "serve_mlp");
  require(mailbox.words != nullptr && mailbox.most_rows >= 1 && mailbox.inputs == shape.inputs &&
              mailbox.outputs == shape.outputs(),
          "serve_mlp", "a mailbox for rows of the network");
  require(stream.backend() == Backend::cuda, "serve_mlp", "a CUDA device");
  MYNAH_ON_CUDA(serve_mlp, stream, shape, parameters, ends, mailbox, launch);
}

int mlp_service_layers([[maybe_unused]] Stream& stream, const MlpShape& shape, Index rows) {
  require_mlp(shape, {}, "mlp_service_layers");
  require(rows >= 1, "mlp_service_layers", "at least one row");
#if MYNAH_WITH_CUDA
  if (stream.backend() == Backend::cuda) return cuda::mlp_service_layers(stream, shape, rows);
#endif
  return -1;
}

}  // namespace mynah::kernels
