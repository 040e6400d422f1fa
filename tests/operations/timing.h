#pragma once

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "kernels/precision.h"
#include "kernels/recording.h"
#include "tests/operations/parity.h"

namespace mynah::tests {

/// An operation that is called again and again: on CUDA recorded and replayed, as a plan does, so that it is the GPU's
/// time and not that of launching; on the CPU as often between two looks at the clock as makes their own cost small.
class Repeated {
 public:
  /// recorded_calls: in one recording.
  Repeated(Stream& stream, std::function<void()> call, int recorded_calls = 20);
  /// Seconds of one call, the mean of a few.
  double seconds() const;

 private:
  Stream* stream_;
  std::function<void()> call_;
  kernels::Recording recording_;
  int calls_ = 1;
};

/// Times the operation of a case, and its rivals beside it, instead of comparing it with another device. What a rival
/// computes is compared first.
class Timing : public Parity {
 public:
  struct Result {
    std::string library;  ///< "mynah"
    double seconds = 0.0;
  };

  Timing(DeviceId device, kernels::Precision precision, double seconds)
      : device_(device), precision_(precision), seconds_(seconds) {}

  void expect_same(const std::function<void(const Place&)>& operation) override;

  using Parity::bytes;
  using Parity::flops;
  /// Median seconds of a call: ours, and then those of the rivals.
  const std::vector<Result>& results() const { return results_; }
  const std::vector<std::string>& untimed() const { return untimed_; }  ///< Rivals that threw, and what.
  const std::vector<std::string>& wrong() const { return wrong_; }      ///< Rivals with another result.

 private:
  struct Contestant;

  void enter_rivals(Stream& stream, std::deque<DeviceCopy>& copies, std::vector<Contestant>& contestants);
  bool computes_the_same(const Rival& rival, const DeviceCopy& copy);

  DeviceId device_;
  kernels::Precision precision_;
  double seconds_;
  std::vector<Result> results_;
  std::vector<std::string> untimed_, wrong_;
};

/// What an implementation's normalised mean squared error may be beside another's.
double rival_limit(kernels::Precision precision);
double median(std::vector<double> values);

/// What a device can do, measured when it is first asked for: copying a large array (bytes read and written), and the
/// fastest large matrix product there is, ours or cuBLAS's.
struct Roof {
  double bytes_per_second = 0.0;
  double flops_per_second = 0.0;
};
const Roof& roof_of(DeviceId device, kernels::Precision precision);

}  // namespace mynah::tests
