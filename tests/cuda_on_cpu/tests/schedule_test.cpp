#include <cuda_on_cpu/control.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

namespace {

using cuda_on_cpu::parse_schedule;
using cuda_on_cpu::Schedule;

TEST(ScheduleText, NamesASchedule) {
  EXPECT_EQ(parse_schedule("forward")->kind, Schedule::Kind::forward);
  EXPECT_EQ(parse_schedule("reverse")->kind, Schedule::Kind::reverse);
  for (const char* seed : {"0", "7", "18446744073709551615"}) {
    const std::optional<Schedule> schedule = parse_schedule(seed);
    ASSERT_TRUE(schedule) << seed;
    EXPECT_EQ(schedule->kind, Schedule::Kind::random);
    EXPECT_EQ(std::to_string(schedule->seed), seed);
  }
}

TEST(ScheduleText, IsTheReverseOfDescribe) {
  for (const char* text : {"forward", "reverse", "0", "12345"}) EXPECT_EQ(describe(*parse_schedule(text)), text);
}

TEST(ScheduleText, RefusesWhatNamesNone) {
  for (const char* text :
       {"", "Forward", "revers", "random", " 7", "7 ", "7a", "-1", "+1", "0x7", "1.5", "18446744073709551616"})
    EXPECT_FALSE(parse_schedule(text)) << text;
}

/// Sets MYNAH_CUDA_SCHEDULE for a scope; nullptr unsets it.
class ScheduleInEnvironment {
 public:
  explicit ScheduleInEnvironment(const char* text) {
    if (const char* before = std::getenv(name)) before_ = before;
    put(text);
  }
  ~ScheduleInEnvironment() { put(before_ ? before_->c_str() : nullptr); }
  ScheduleInEnvironment(const ScheduleInEnvironment&) = delete;
  ScheduleInEnvironment& operator=(const ScheduleInEnvironment&) = delete;

 private:
  static constexpr const char* name = "MYNAH_CUDA_SCHEDULE";
  static void put(const char* text) { text == nullptr ? unsetenv(name) : setenv(name, text, 1); }
  std::optional<std::string> before_;
};

class ScheduleDeathTest : public testing::Test {
 protected:
  // The variable is read once in a process, so each value needs a process that starts anew.
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

[[noreturn]] void tell_schedule() {
  std::fprintf(stderr, "runs %s;", describe(cuda_on_cpu::schedule()).c_str());
  std::_Exit(0);
}

TEST_F(ScheduleDeathTest, ComesFromTheEnvironment) {
  const char* const cases[][2] = {{nullptr, "forward"},   {"", "forward"}, {"forward", "forward"},
                                  {"reverse", "reverse"}, {"0", "0"},      {"4711", "4711"}};
  for (const auto& [text, expected] : cases) {
    const ScheduleInEnvironment environment(text);
    EXPECT_EXIT(tell_schedule(), testing::ExitedWithCode(0), std::string("runs ") + expected + ";");
  }
}

TEST_F(ScheduleDeathTest, RefusesWhatNamesNone) {
  for (const char* text : {"revers", "7a", "-1"}) {
    const ScheduleInEnvironment environment(text);
    EXPECT_DEATH(tell_schedule(), std::string("MYNAH_CUDA_SCHEDULE is '") + text + "'");
  }
}

}  // namespace
