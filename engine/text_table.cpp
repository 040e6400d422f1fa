#include "engine/text_table.h"

#include <fmt/format.h>

#include <algorithm>

namespace mynah {

TextTable::TextTable(std::vector<std::string> heading) {
  lines_.push_back(std::move(heading));
}

void TextTable::add(std::vector<std::string> cells) {
  lines_.push_back(std::move(cells));
}

std::string TextTable::text() const {
  std::vector<std::size_t> widths(lines_.front().size());
  for (const auto& line : lines_) {
    for (std::size_t c = 0; c < widths.size(); ++c) widths[c] = std::max(widths[c], line[c].size());
  }
  std::string text;
  for (const auto& line : lines_) {
    text += fmt::format("{:<{}}", line[0], widths[0]);
    for (std::size_t c = 1; c < widths.size(); ++c) text += fmt::format("  {:>{}}", line[c], widths[c]);
    text += '\n';
  }
  return text;
}

std::string interval_text(const std::array<double, 2>& interval, int decimals) {
  return fmt::format("[{:.{}f}, {:.{}f}]", interval[0], decimals, interval[1], decimals);
}

}  // namespace mynah
