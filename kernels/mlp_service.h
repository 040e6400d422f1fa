#pragma once

#include <cstdint>

#include "kernels/host_device.h"
#include "kernels/mlp_inference.h"

/// Inference by a kernel that stays: it keeps the network in a block's shared memory and answers requests through
/// memory of the host, so that an answer costs no launch, no copy and no synchronisation.
namespace mynah::kernels {

/// What a host and the kernel write to each other, in mapped memory (kernels/mapped_memory.h). Every value travels in a
/// word of 64 bits together with the number of the request, written and read at once: who reads a word sees by the
/// number whether the value has come, and needs neither a flag beside it nor an order of writes. (The idea of the LL
/// protocol of NCCL.) One trip over the bus brings a request, and one the answer.
///
///   words      what
///   1          header: number of rows, or `stop`
///   rows x I   the observations
///   rows x O   the answers, behind the most rows of observations
///   1          left: which launch of the kernel has returned, as a number alone
struct MlpMailbox {
  std::uint64_t* words = nullptr;
  Index inputs = 0, outputs = 0;
  Index most_rows = 0;

  static constexpr std::uint32_t stop = 0xffffffff;

  MYNAH_HOST_DEVICE std::uint64_t* header() const { return words; }
  MYNAH_HOST_DEVICE std::uint64_t* request(Index row) const { return words + 1 + row * inputs; }
  MYNAH_HOST_DEVICE std::uint64_t* answer(Index row) const { return words + 1 + most_rows * inputs + row * outputs; }
  MYNAH_HOST_DEVICE std::uint64_t* left() const { return answer(most_rows); }
  MYNAH_HOST_DEVICE Index size() const { return 2 + most_rows * (inputs + outputs); }

  MYNAH_HOST_DEVICE static std::uint64_t word(std::uint32_t number, std::uint32_t value) {
    return static_cast<std::uint64_t>(number) << 32 | value;
  }
  MYNAH_HOST_DEVICE static std::uint32_t number(std::uint64_t word) { return static_cast<std::uint32_t>(word >> 32); }
  MYNAH_HOST_DEVICE static std::uint32_t value(std::uint64_t word) { return static_cast<std::uint32_t>(word); }
  /// Requests count from 1; 0 is what nobody wrote.
  MYNAH_HOST_DEVICE static std::uint32_t next(std::uint32_t number) { return number + 1 == 0 ? 1 : number + 1; }
};

/// One launch of the kernel.
struct MlpServiceLaunch {
  std::uint64_t number = 0;    ///< What it writes to left() when it returns.
  std::uint32_t answered = 0;  ///< The last request that was answered; it waits for the next one.
  std::uint64_t lease_ns = 0;  ///< It returns so many nanoseconds after its start.
};

/// Queues the kernel in a stream of its own: nothing behind it runs before it returns, which it does when it is told to
/// stop, and when its lease is over and no request is being answered; one that came meanwhile stays in the mailbox for
/// the next launch. It takes one block, of a multiprocessor's shared memory what the weights need; layers that do not
/// fit are read through the caches at every request. The parameters and the ends, in device memory, are read at the
/// start and for such layers later: they may not change while it runs.
///
/// y = infer_mlp's, sums in the same order for layers that fit. Errors: internal where it cannot be served.
void serve_mlp(Stream& stream, const MlpShape& shape, const float* parameters, const MlpEnds& ends,
               const MlpMailbox& mailbox, const MlpServiceLaunch& launch);
/// How many of the layers, the first ones that fit, have their weights in shared memory; -1: not even the values of so
/// many rows fit there, and the network cannot be served.
int mlp_service_layers(Stream& stream, const MlpShape& shape, Index rows);

namespace cuda {
void serve_mlp(Stream&, const MlpShape&, const float* parameters, const MlpEnds&, const MlpMailbox&,
               const MlpServiceLaunch&);
int mlp_service_layers(Stream&, const MlpShape&, Index rows);
}  // namespace cuda

}  // namespace mynah::kernels
