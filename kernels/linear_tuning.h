#pragma once

#include <string>
#include <tuple>
#include <vector>

#include "kernels/cuda/linear_selection.h"
#include "kernels/precision.h"
#include "kernels/stream.h"

/// Which kernel computes a product of a linear layer on CUDA is said by a rule, choose_linear of linear_selection.h,
/// the same on every GPU. Here choices that were measured on a device take its place, for the very products that they
/// were measured for. There are none until somebody gives them: engine/linear_tuning.h reads them from a file.
///
/// Another kernel, or other parts, add in another order: the same choices give the same bits, others may not.
namespace mynah::kernels {

/// What a choice is made for: C [m, n] = Σ_k A(m, k) B(k, n), as LinearProduct has m, n and k.
struct LinearKey {
  cuda::LinearProduct product = cuda::LinearProduct::forward;
  Precision precision = Precision::float32;
  Index m = 0;
  Index n = 0;
  Index k = 0;
  bool packs = false;  ///< Both operands may be read four floats at a time: beginnings and strides of 16 bytes.
  friend bool operator==(const LinearKey&, const LinearKey&) = default;
  friend bool operator<(const LinearKey& a, const LinearKey& b) {
    return std::tie(a.product, a.precision, a.m, a.n, a.k, a.packs) <
           std::tie(b.product, b.precision, b.m, b.n, b.k, b.packs);
  }
};

struct TunedLinear {
  LinearKey key;
  cuda::LinearChoice choice;
};

/// Why the product may not be computed so; empty where it may. A forward product of up to widest_linear_loss outputs
/// stays with the dot kernel, or without it, as the rule has it: linear_loss takes the place of the dot kernel there,
/// with its bits, and whether it does must not depend on what was measured.
std::string not_allowed(const LinearKey& key, const cuda::LinearChoice& choice);

/// Whether the stream's device has what the kernel needs: the warpgroup kernel a GPU of compute capability 9.0.
bool runs_on(const Stream& stream, cuda::LinearKernel kernel);

/// What is worth measuring on the stream's device, all of it allowed, the rule's choice first.
std::vector<cuda::LinearChoice> linear_candidates(const Stream& stream, const LinearKey& key);

/// From now on products on the device are computed as said where a key is theirs, and by the rule elsewhere; takes the
/// place of what was said before. `origin` is where it comes from, for those who ask. What was recorded before keeps
/// its kernels. Give choices before plans are made: one that needs more scratch memory than the product needed so far
/// cannot be recorded before it has run. Safe while other threads compute; a table that another took the place of stays
/// in memory, since they may look at it. Errors: Error::Cause::internal for a choice that is not allowed, or a key that
/// comes twice.
void use_linear_choices(DeviceId device, std::vector<TunedLinear> choices, std::string origin);
/// By the rule alone, on every device, as at first.
void forget_linear_choices();

/// Of the choices for a device: where they come from, empty where there are none.
std::string linear_choices_origin(DeviceId device);

/// The one who decides: a measured choice, or the rule, also where the choice does not run on the device. No lock, no
/// allocation.
cuda::LinearChoice choose_linear(const Stream& stream, const LinearKey& key);

/// While one lives, what is chosen on this thread is written down; where logs lie in each other, in all of them.
class LinearChoiceLog {
 public:
  struct Entry {
    LinearKey key;
    cuda::LinearChoice choice;
    bool tuned = false;  ///< Measured, not the rule's.
  };

  LinearChoiceLog();
  ~LinearChoiceLog();
  LinearChoiceLog(const LinearChoiceLog&) = delete;
  LinearChoiceLog& operator=(const LinearChoiceLog&) = delete;

  const std::vector<Entry>& entries() const { return entries_; }
  void add(const Entry& entry);

 private:
  LinearChoiceLog* outer_;
  std::vector<Entry> entries_;
};

}  // namespace mynah::kernels
