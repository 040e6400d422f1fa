#include "engine/terminal_progress.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace mynah {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

/// A screen that remembers, and a clock that stands still until it is set.
struct FakeScreen {
  std::string written;
  double now = 1000;
  int columns = 80;

  TerminalProgress::Screen screen(bool redraws, bool colours = false) {
    return {.write = [this](std::string_view text) { written += text; },
            .clock = [this] { return now; },
            .columns = [this] { return columns; },
            .redraws = redraws,
            .colours = colours};
  }
};

long count(const std::string& text, const std::string& part) {
  long found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST(TerminalProgress, PlainLinesAreTheFirstTheLastAndFewBetween) {
  FakeScreen fake;
  TerminalProgress progress(fake.screen(false));
  progress.started(100, "training");
  for (int epoch = 1; epoch <= 100; ++epoch) {
    fake.now += 0.2;  // 20 seconds in all
    progress.advanced(epoch, fmt::format("loss {}", epoch));
  }
  progress.finished();
  EXPECT_EQ(fake.written,
            "training 1/100  loss 1  20 s left\n"
            "training 26/100  loss 26  15 s left\n"
            "training 51/100  loss 51  9.8 s left\n"
            "training 76/100  loss 76  4.8 s left\n"
            "training 100/100  loss 100  20 s\n");
}

TEST(TerminalProgress, PlainLinesWithUnknownTotalAndMessages) {
  FakeScreen fake;
  TerminalProgress progress(fake.screen(false));
  progress.started(0, "recording");
  progress.advanced(3, "");
  progress.message("a remark");
  progress.warning("look here");
  fake.now += 61;
  progress.finished();
  progress.finished();
  EXPECT_EQ(fake.written, "recording 3  0.0 s\na remark\nwarning: look here\n");
}

TEST(TerminalProgress, BarFillsTheLineAndNoMore) {
  FakeScreen fake;
  {
    TerminalProgress progress(fake.screen(true));
    progress.started(4, "training");
    fake.now += 1;
    progress.advanced(2, "loss\n0.5");
    fake.now += 1;
    fake.columns = 20;
    progress.advanced(3, "loss größer");
    fake.columns = 0;
    fake.now += 1;
    progress.advanced(4, "x");
  }
  EXPECT_EQ(fake.written,
            "\rtraining [>                             ] 0/4\x1b[K"
            "\rtraining [===============>              ] 2/4  loss 0.5  1.0 s left\x1b[K"
            "\rtraining 3/4  loss \x1b[K"
            "\rt\x1b[K\n");
}

TEST(TerminalProgress, BarIsDrawnAtMostTwentyTimesASecond) {
  FakeScreen fake;
  TerminalProgress progress(fake.screen(true));
  progress.started(10000, "training");
  int asked = 0;
  for (int step = 1; step <= 10000; ++step) {
    fake.now += 0.0001;
    asked += progress.wants_update() ? 1 : 0;
    progress.advanced(step, "");
  }
  progress.finished();
  EXPECT_LE(count(fake.written, "\r"), 22);
  EXPECT_GE(count(fake.written, "\r"), 18);
  EXPECT_EQ(asked, count(fake.written, "\r") - 2) << "not counting the first and the last";
  EXPECT_THAT(fake.written, HasSubstr("10000/10000"));
  EXPECT_THAT(fake.written, EndsWith("\n"));
}

TEST(TerminalProgress, MessagesStandAboveTheBar) {
  FakeScreen fake;
  TerminalProgress progress(fake.screen(true, true));
  progress.started(2, "t");
  fake.written.clear();
  progress.warning("odd");
  EXPECT_THAT(fake.written, StartsWith("\r\x1b[K\x1b[33mwarning: \x1b[0modd\n\rt [\x1b[36m>"));
  progress.finished();
  fake.written.clear();
  progress.message("after");
  EXPECT_EQ(fake.written, "after\n");
}

/// What a stream on a pseudo-terminal of 40 columns receives.
std::string shown_on_terminal(const char* term, const char* no_color) {
  ::setenv("TERM", term, 1);
  ::setenv("NO_COLOR", no_color, 1);
  winsize size{};
  size.ws_row = 24;
  size.ws_col = 40;
  int outer = -1;
  int inner = -1;
  EXPECT_EQ(::openpty(&outer, &inner, nullptr, nullptr, &size), 0);
  std::FILE* stream = ::fdopen(inner, "w");
  {
    TerminalProgress progress(stream);
    progress.started(2, "training");
    progress.advanced(2, "a metric that is much too long for forty columns");
    progress.warning("odd");
    progress.finished();
  }
  std::fclose(stream);
  // A terminal hands over what was written to it bit by bit, and an error once the last of it was read.
  std::string shown;
  char text[4096];
  while (true) {
    const ssize_t count = ::read(outer, text, sizeof(text));
    if (count <= 0) break;
    shown.append(text, static_cast<std::size_t>(count));
  }
  ::close(outer);
  ::unsetenv("NO_COLOR");
  return shown;
}

TEST(TerminalProgress, OnARealTerminal) {
  int outer = -1;
  int inner = -1;
  if (::openpty(&outer, &inner, nullptr, nullptr, nullptr) != 0) {
    GTEST_SKIP() << "this machine gives no pseudo-terminals (" << std::strerror(errno) << "): skipped";
  }
  ::close(outer);
  ::close(inner);
  const std::string shown = shown_on_terminal("xterm", "");
  EXPECT_THAT(shown, HasSubstr("\rtraining ["));
  EXPECT_THAT(shown, HasSubstr("\x1b[33m"));
  EXPECT_THAT(shown, HasSubstr("\rtraining 2/2  a metric that is much too\x1b[K")) << "39 characters";
  EXPECT_THAT(shown_on_terminal("xterm", "1"), Not(HasSubstr("\x1b[33m")));
  EXPECT_THAT(shown_on_terminal("xterm", "1"), HasSubstr("\x1b[K"));
  EXPECT_THAT(shown_on_terminal("dumb", ""), Not(HasSubstr("\x1b")));
}

TEST(TerminalProgress, OnAFile) {
  std::FILE* stream = std::tmpfile();
  ASSERT_NE(stream, nullptr);
  {
    TerminalProgress progress(stream);
    progress.started(2, "training");
    progress.advanced(1, "loss 1");
    progress.advanced(2, "loss 0");
    progress.finished();
  }
  std::rewind(stream);
  char text[256];
  const std::string shown(text, std::fread(text, 1, sizeof(text), stream));
  std::fclose(stream);
  EXPECT_THAT(shown, ::testing::MatchesRegex("training 1/2  loss 1  0.0 s left\ntraining 2/2  loss 0  0.0 s\n"));
}

}  // namespace
}  // namespace mynah
