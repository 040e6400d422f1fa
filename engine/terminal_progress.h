#pragma once

#include <cstdio>
#include <functional>
#include <string>

#include "engine/progress.h"

namespace mynah {

/// Shows progress to a person: on a terminal one line that is drawn over and over,
///
///   training [==========>         ]  52/100  loss 0.0123  4 s left
///
/// and elsewhere (a file, a pipe, TERM=dumb) plain lines: the first, the last, and at most one every five seconds.
class TerminalProgress final : public ProgressObserver {
 public:
  /// Where and how to show. Times are in seconds, from any beginning.
  struct Screen {
    std::function<void(std::string_view)> write;
    std::function<double()> clock;
    std::function<int()> columns;  ///< Width of the terminal; asked before every drawing, as it may change.
    bool redraws = false;          ///< One line drawn over itself; otherwise plain lines.
    bool colours = false;
  };

  explicit TerminalProgress(Screen screen) : screen_(std::move(screen)) {}

  /// For a stream, which must outlive the result: redraws if it is a terminal that can (TERM is set and not dumb), with
  /// colours unless NO_COLOR is set and not empty (https://no-color.org).
  explicit TerminalProgress(std::FILE* stream);

  TerminalProgress(const TerminalProgress&) = delete;
  TerminalProgress& operator=(const TerminalProgress&) = delete;
  /// Leaves the cursor on a fresh line.
  ~TerminalProgress() override;

  void started(Index total, std::string_view what) override;
  void advanced(Index done, std::string_view metrics) override;
  bool wants_update() override;
  void message(std::string_view text) override;
  void warning(std::string_view text) override;
  void finished() override;

 private:
  void show();
  void show_line(std::string_view text, bool warning);
  void end_line();
  std::string state_text() const;
  std::string bar_text(int columns) const;

  Screen screen_;
  std::string what_;
  std::string metrics_;
  Index total_ = 0;
  Index done_ = 0;
  double started_at_ = 0;
  double shown_at_ = 0;
  bool running_ = false;
  bool shown_any_ = false;     ///< Since started().
  bool shown_latest_ = false;  ///< The newest advanced() is on the screen.
  bool line_open_ = false;     ///< The cursor stands behind a drawn bar.
};

}  // namespace mynah
