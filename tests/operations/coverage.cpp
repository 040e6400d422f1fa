#include "tests/operations/coverage.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <set>

#include "tests/operations/registry.h"

namespace mynah::tests {
namespace {

using Counts = std::map<std::pair<std::string, Aspect>, int>;

Counts count_cases(const std::string& device) {
  Counts counts;
  for (const Check& check : registry().checks) {
    const bool elsewhere = check.aspect == Aspect::pytorch && !check.shape.ends_with(" on " + device);
    // Derivatives are checked in double, on the CPU; parity carries them to CUDA.
    if (elsewhere) continue;
    for (const std::string& subject : check.subjects) ++counts[{subject, check.aspect}];
  }
  return counts;
}

bool is_layer(const std::string& subject) {
  return subject.ends_with(" layer");
}

/// What an aspect means for a layer: its operations are compared and timed, the layer itself is not.
bool concerns(const std::string& subject, Aspect aspect) {
  return !is_layer(subject) || (aspect != Aspect::parity && aspect != Aspect::speed);
}

}  // namespace

bool print_coverage(const std::string& name) {
  const auto declared = declared_subjects();
  std::set<std::string> subjects(declared.begin(), declared.end());
  int holes = 0;
  std::set<std::string> notes;
  std::printf("%-36s %-5s", "operation", "on");
  for (int i = 0; i < aspect_count; ++i) std::printf(" %9s", aspect_name(static_cast<Aspect>(i)));
  std::printf("\n");
  for (const std::string device : {"cpu", "cuda"}) {
    const Counts counts = count_cases(device);
    for (const std::string& subject : subjects) {
      if (subject.find(name) == std::string::npos) continue;
      std::printf("%-36s %-5s", subject.c_str(), device.c_str());
      for (int i = 0; i < aspect_count; ++i) {
        const auto aspect = static_cast<Aspect>(i);
        const auto found = counts.find({subject, aspect});
        const auto reason = registry().reasons.find({subject, aspect});
        std::string cell;
        if (!concerns(subject, aspect)) {
          cell = ".";
        } else if (found != counts.end()) {
          cell = std::to_string(found->second);
        } else if (reason != registry().reasons.end()) {
          cell = "-";
          notes.insert(fmt::format("{} of {}: {}", aspect_name(aspect), subject, reason->second));
        } else {
          cell = "HOLE";
          ++holes;
        }
        std::printf(" %9s", cell.c_str());
      }
      std::printf("\n");
    }
  }
  std::printf("\nGradients and tangents are checked in double on the CPU; parity carries them to CUDA.\n");
  std::printf("'.': its operations are compared and timed. '-': there is none, because\n");
  for (const std::string& note : notes) std::printf("  %s\n", note.c_str());
  std::set<std::string> unknown;
  for (const Check& check : registry().checks) {
    for (const std::string& subject : check.subjects) {
      if (!subjects.contains(subject)) unknown.insert(subject);
    }
  }
  for (const auto& [key, reason] : registry().reasons) {
    if (!subjects.contains(key.first)) unknown.insert(key.first);
  }
  for (const std::string& subject : unknown) {
    std::printf("registered, but declared nowhere: %s\n", subject.c_str());
    ++holes;
  }
  std::printf("%d operations and layers, %d holes\n", static_cast<int>(subjects.size()), holes);
  return holes == 0;
}

}  // namespace mynah::tests
