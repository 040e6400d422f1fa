#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "kernels/view.h"

namespace mynah::bench {

/// A program that times one thing and prints one line of JSON, for bench/peers to run in turn with PyTorch.
class TimerProgram {
 public:
  TimerProgram(const std::string& name, const std::string& description);

  /// For options of its own.
  CLI::App& options() { return app_; }

  Index batch = 32;
  double seconds = 1.0;
  std::string device = "cpu";

  /// Reads the options, pins the thread, prints what `measure` returns, microseconds in order. Returns an exit code: 2
  /// for options that there are not. Throws what `measure` throws.
  int run(int count, char** arguments, const std::function<std::vector<double>()>& measure);

 private:
  CLI::App app_;
  int core_ = -1;
};

}  // namespace mynah::bench
