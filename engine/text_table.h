#pragma once

#include <array>
#include <string>
#include <vector>

namespace mynah {

/// Lines of text in columns, as wide as they need to be, two blanks apart: the first to the left, the others to the
/// right.
class TextTable {
 public:
  explicit TextTable(std::vector<std::string> heading);
  /// As many cells as the heading has.
  void add(std::vector<std::string> cells);
  /// A newline at the end of each line.
  std::string text() const;

 private:
  std::vector<std::vector<std::string>> lines_;
};

/// "[low, high]"
std::string interval_text(const std::array<double, 2>& interval, int decimals);

}  // namespace mynah
