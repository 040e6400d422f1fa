#include "engine/terminal_progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <string>

namespace mynah {
namespace {

constexpr double seconds_between_drawings = 0.05;
constexpr double seconds_between_lines = 5;
constexpr std::string_view yellow = "\x1b[33m";
constexpr std::string_view cyan = "\x1b[36m";
constexpr std::string_view plain = "\x1b[0m";
constexpr std::string_view erase_to_end = "\x1b[K";

/// The variable's text; empty if it is not set.
std::string_view environment(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr ? value : "";
}

bool can_redraw(int descriptor) {
  const std::string_view terminal = environment("TERM");
  return ::isatty(descriptor) == 1 && !terminal.empty() && terminal != "dumb";
}

int columns_of(int descriptor) {
  winsize size{};
  if (::ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

/// Text for one line: control characters, which would move the cursor, become spaces.
std::string one_line(std::string_view text) {
  std::string line(text);
  std::replace_if(
      line.begin(), line.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  return line;
}

/// The first `columns` characters of UTF-8 text.
std::string_view cut(std::string_view text, int columns) {
  int seen = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool begins_character = (static_cast<unsigned char>(text[i]) & 0xc0u) != 0x80u;
    if (begins_character && seen++ == columns) return text.substr(0, i);
  }
  return text;
}

std::string duration_text(double seconds) {
  const auto whole = std::lround(seconds);
  if (seconds < 9.95) return fmt::format("{:.1f} s", seconds);
  if (whole < 120) return fmt::format("{} s", whole);
  if (whole < 7200) return fmt::format("{} min", (whole + 30) / 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
}

}  // namespace

TerminalProgress::TerminalProgress(std::FILE* stream) {
  const int descriptor = ::fileno(stream);
  screen_.write = [stream](std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stream);
    std::fflush(stream);
  };
  screen_.clock = [] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  };
  screen_.columns = [descriptor] { return columns_of(descriptor); };
  screen_.redraws = can_redraw(descriptor);
  screen_.colours = screen_.redraws && environment("NO_COLOR").empty();
}

TerminalProgress::~TerminalProgress() {
  end_line();
}

void TerminalProgress::started(Index total, std::string_view what) {
  end_line();
  what_ = one_line(what);
  metrics_.clear();
  total_ = total;
  done_ = 0;
  started_at_ = screen_.clock();
  running_ = true;
  shown_any_ = false;
  shown_latest_ = false;
  if (screen_.redraws) show();
}

bool TerminalProgress::wants_update() {
  const double pause = screen_.redraws ? seconds_between_drawings : seconds_between_lines;
  return running_ && (!shown_any_ || screen_.clock() - shown_at_ >= pause);
}

void TerminalProgress::advanced(Index done, std::string_view metrics) {
  done_ = done;
  metrics_ = metrics;
  shown_latest_ = false;
  if (wants_update()) show();
}

void TerminalProgress::message(std::string_view text) {
  show_line(text, false);
}

void TerminalProgress::warning(std::string_view text) {
  show_line(text, true);
}

void TerminalProgress::finished() {
  if (!running_) return;
  if (!shown_latest_) show();
  end_line();
  running_ = false;
}

void TerminalProgress::show() {
  shown_any_ = true;
  shown_latest_ = true;
  shown_at_ = screen_.clock();
  if (!screen_.redraws) {
    screen_.write(state_text() + "\n");
    return;
  }
  screen_.write(fmt::format("\r{}{}", bar_text(screen_.columns()), erase_to_end));
  line_open_ = true;
}

void TerminalProgress::show_line(std::string_view text, bool warning) {
  std::string line = line_open_ ? fmt::format("\r{}", erase_to_end) : std::string();
  line_open_ = false;
  const bool coloured = warning && screen_.colours;
  line += fmt::format("{}{}{}{}\n", coloured ? yellow : "", warning ? "warning: " : "", coloured ? plain : "", text);
  screen_.write(line);
  if (screen_.redraws && running_) show();
}

void TerminalProgress::end_line() {
  if (line_open_) screen_.write("\n");
  line_open_ = false;
}

/// "52/100  loss 0.0123  4 s left", or what of it is known.
std::string TerminalProgress::state_text() const {
  const double elapsed = screen_.clock() - started_at_;
  std::string text = screen_.redraws ? std::string() : what_ + " ";
  text += total_ > 0 ? fmt::format("{}/{}", done_, total_) : fmt::format("{}", done_);
  if (!metrics_.empty()) text += "  " + one_line(metrics_);
  if (total_ > 0 && done_ > 0 && done_ < total_) {
    const double left = elapsed / static_cast<double>(done_) * static_cast<double>(total_ - done_);
    text += fmt::format("  {} left", duration_text(left));
  } else if (done_ > 0) {
    text += fmt::format("  {}", duration_text(elapsed));
  }
  return text;
}

std::string TerminalProgress::bar_text(int columns) const {
  // The last column stays free: a character there makes some terminals wrap.
  const int room = std::max(columns - 1, 1);
  const std::string state = state_text();
  const int bar = std::min(30, room - static_cast<int>(what_.size() + state.size()) - 4);
  if (total_ <= 0 || bar < 5) return std::string(cut(what_ + " " + state, room));
  const double share = std::clamp(static_cast<double>(done_) / static_cast<double>(total_), 0.0, 1.0);
  const int filled = static_cast<int>(share * bar);
  std::string drawn(static_cast<std::size_t>(filled), '=');
  if (filled < bar) drawn += '>';
  drawn.resize(static_cast<std::size_t>(bar), ' ');
  return fmt::format("{} [{}{}{}] {}", what_, screen_.colours ? cyan : "", drawn, screen_.colours ? plain : "", state);
}

}  // namespace mynah
