#include "tests/operations/tuner.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <limits>
#include <memory>

#include "kernels/error.h"
#include "kernels/linear.h"
#include "tests/cuda_schedule.h"
#include "tests/operations/rivals/rivals.h"
#include "tests/operations/timing.h"

namespace mynah::tests {
namespace {

using kernels::Activation;
using kernels::cuda::LinearChoice;
using kernels::cuda::LinearProduct;

/// More than any L2 cache has.
constexpr double cache_bytes = 128.0 * 1024.0 * 1024.0;
constexpr double most_copies = 64.0;
/// A choice that is faster by less may be so by chance, and then not worth other bits than the rule's.
constexpr double least_gain = 1.02;
/// Of the normalised mean squared error, beside the CPU: as Parity has it.
constexpr double own_limit = 1e-10;

Layout padded(Index columns) {
  return {(4 - columns % 4) % 4, 0};
}

/// One product, in as many copies as are wanted.
class Contest : public Parity {
 public:
  Contest(DeviceId device, const LayerProduct& product, const TunerOptions& options)
      : stream_(device), product_(product), options_(options) {
    describe();
    const bool emulated = has_cuda_schedules();  // where times mean nothing, and take long
    const double enough = options.cold ? std::clamp(1.0 + cache_bytes / bytes(), 1.0, most_copies) : 1.0;
    const int copies = emulated && options.cold ? 2 : static_cast<int>(enough);
    for (int i = 0; i < copies; ++i) copies_.emplace_back(stream_, *this);
    calls_ = emulated ? 2 : std::max(20, copies);
  }

  ProductContest hold() {
    ProductContest contest;
    contest.copies = static_cast<Index>(copies_.size());
    kernels::forget_linear_choices();
    {
      const kernels::LinearChoiceLog log;
      ours_(copies_.front().place());
      contest.key = log.entries().front().key;
    }
    const Memory expected = run({Backend::cpu, 0}, ours_);
    enter_candidates(contest, expected);
    if (!cublas::version().empty()) {
      const bool same = product_.product != LinearProduct::weight_gradient;
      enter(contest, {"cuBLASLt"}, prepare_rival_, same ? expected : run({Backend::cpu, 0}, without_sums_),
            rival_limit(product_.precision));
    }
    kernels::forget_linear_choices();
    time(contest);
    choose(contest);
    return contest;
  }

 private:
  using Call = std::function<void(const Place&)>;

  void describe() {
    const LayerProduct& p = product_;
    const ConstMatrix no_x{nullptr, p.rows, p.inputs}, no_w{nullptr, p.outputs, p.inputs};
    switch (p.product) {
      case LinearProduct::forward:
        return describe_forward(p);
      case LinearProduct::input_gradient:
        return describe_input_gradient(p, no_x);
      case LinearProduct::weight_gradient:
        return describe_weight_gradient(p, no_w);
    }
  }

  void describe_forward(const LayerProduct& p) {
    const auto x = input(p.rows, p.inputs, padded(p.inputs));
    const auto w = input(p.outputs, p.inputs), b = input(1, p.outputs);
    const auto y = output(p.rows, p.outputs, padded(p.outputs));
    ours_ = [=, precision = p.precision](const Place& at) {
      kernels::linear_forward(at.stream, at.matrix(x), at.matrix(w), at.vector(b), Activation::relu, at.matrix(y), {},
                              {precision});
    };
    prepare_rival_ = [=, precision = p.precision](const Place& at) {
      return cublas::linear_relu_forward(at.stream, at.matrix(x), at.matrix(w), at.vector(b), at.matrix(y), precision);
    };
  }

  void describe_input_gradient(const LayerProduct& p, ConstMatrix no_x) {
    const auto w = input(p.outputs, p.inputs);
    const auto dz = input(p.rows, p.outputs, padded(p.outputs));
    const auto dx = output(p.rows, p.inputs, padded(p.inputs));
    ours_ = [=, precision = p.precision](const Place& at) {
      kernels::linear_backward(at.stream, no_x, at.matrix(w), at.matrix(dz), at.matrix(dx), {}, {}, {}, {precision});
    };
    prepare_rival_ = [=, precision = p.precision](const Place& at) {
      return cublas::linear_input_gradient(at.stream, at.matrix(w), at.matrix(dz), at.matrix(dx), precision);
    };
  }

  void describe_weight_gradient(const LayerProduct& p, ConstMatrix no_w) {
    const auto x = input(p.rows, p.inputs, padded(p.inputs));
    const auto dz = input(p.rows, p.outputs, padded(p.outputs));
    const auto dw = output(p.outputs, p.inputs), db = output(1, p.outputs);
    const auto with_sums = [=, precision = p.precision](const Place& at, Vector sums) {
      kernels::linear_backward(at.stream, at.matrix(x), no_w, at.matrix(dz), {}, at.matrix(dw), sums, {},
                               {precision, false, true});
    };
    ours_ = [=](const Place& at) { with_sums(at, at.vector(db)); };
    without_sums_ = [=](const Place& at) { with_sums(at, {}); };
    prepare_rival_ = [=, precision = p.precision](const Place& at) {
      return cublas::linear_weight_gradient(at.stream, at.matrix(x), at.matrix(dz), at.matrix(dw), precision);
    };
  }

  /// Lets a contestant compute once and compares that with the CPU; then records calls for all copies in turn. make:
  /// the call for a place.
  void enter(ProductContest& contest, Contestant one, const std::function<RivalCall(const Place&)>& make,
             const Memory& expected, double limit) {
    repeated_.push_back(nullptr);
    try {
      const DeviceCopy fresh(stream_, *this);
      make(fresh.place())();
      const double error = difference(expected, download(fresh));
      if (error < limit) {
        std::vector<RivalCall> calls;
        calls.reserve(copies_.size());
        for (const DeviceCopy& copy : copies_) calls.push_back(make(copy.place()));
        auto in_turn = [calls = std::move(calls), next = std::size_t{0}]() mutable { calls[next++ % calls.size()](); };
        repeated_.back() = std::make_unique<Repeated>(stream_, std::move(in_turn), calls_);
      } else {
        one.problem = fmt::format("differs from the CPU by a normalised mean squared error of {:.2g}", error);
        contest.wrong = true;
      }
    } catch (const Error& error) {
      one.problem = error.what();
    }
    contest.contestants.push_back(std::move(one));
  }

  void enter_candidates(ProductContest& contest, const Memory& expected) {
    const auto make = [this](const Place& at) { return [this, &at] { ours_(at); }; };
    for (const LinearChoice& choice : kernels::linear_candidates(stream_, contest.key)) {
      kernels::use_linear_choices(stream_.device(), {{contest.key, choice}}, "mynah-operations tune");
      enter(contest, {linear_choice_text(choice), choice}, make, expected, own_limit);
    }
  }

  void time(ProductContest& contest) {
    std::vector<std::vector<double>> samples(contest.contestants.size());
    for (int round = 0; round < options_.rounds; ++round) {
      for (std::size_t i = 0; i < samples.size(); ++i) {
        if (repeated_[i] != nullptr) samples[i].push_back(repeated_[i]->seconds());
      }
    }
    for (std::size_t i = 0; i < samples.size(); ++i) {
      if (!samples[i].empty()) contest.contestants[i].microseconds = 1e6 * median(samples[i]);
    }
  }

  static void choose(ProductContest& contest) {
    const double of_rule = contest.rule().microseconds;
    double best = of_rule > 0.0 ? of_rule / least_gain : std::numeric_limits<double>::infinity();
    for (std::size_t i = 1; i < contest.contestants.size(); ++i) {
      const Contestant& one = contest.contestants[i];
      if (!one.choice || one.microseconds <= 0.0 || one.microseconds >= best) continue;
      best = one.microseconds;
      contest.winner = i;
    }
  }

  Stream stream_;
  LayerProduct product_;
  TunerOptions options_;
  int calls_ = 1;
  Call ours_;
  Call without_sums_;  ///< Of the weight gradient: cuBLASLt leaves the bias's gradient out.
  std::function<RivalCall(const Place&)> prepare_rival_;
  std::deque<DeviceCopy> copies_;
  std::vector<std::unique_ptr<Repeated>> repeated_;
};

}  // namespace

TunedProduct ProductContest::tuned() const {
  return {key, *best().choice, best().microseconds, *rule().choice, rule().microseconds};
}

ProductContest hold_contest(DeviceId device, const LayerProduct& product, const TunerOptions& options) {
  return Contest(device, product, options).hold();
}

}  // namespace mynah::tests
