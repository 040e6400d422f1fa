#include "algorithms/command_expert.h"

#include <gmock/gmock.h>
#include <sys/wait.h>

#include <cerrno>
#include <fstream>
#include <thread>

#include "algorithms/tasks/custom_task.h"
#include "engine/buffer.h"
#include "kernels/error.h"
#include "tests/docking.h"
#include "tests/every_device.h"

namespace mynah::tests {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

/// As many action values as observation columns: a command that answers what it is asked can be checked to the bit.
CustomTask mirror_task() {
  TaskDescription description = describe_docking();
  description.action_size = 2;
  return CustomTask(description, [] { return std::make_unique<Docking>(); });
}

CustomTask discrete_task() {
  TaskDescription description = describe_docking();
  description.action_size = 0;
  description.action_count = 3;
  return CustomTask(description, [] { return std::make_unique<Docking>(); });
}

const char* const mirror_command = R"(sed -u -E 's/^.*"observations": \[(.*)\]\}$/{"actions": [\1], "note": 1}/')";

std::string always(const std::string& answer) {
  return "while read -r line; do echo '" + answer + "'; done";
}

/// Asks for two rows.
std::string error_of(const Task& task, const std::string& command, double timeout = 20.0, int times = 1) {
  Stream stream{DeviceId{}};
  const Buffer<float> observations(stream, std::vector<float>{0.5f, -1.0f, 0.25f, 2.0f});
  const Buffer<float> values(stream.device(), 4);
  const Buffer<std::int32_t> labels(stream.device(), 2);
  const bool discrete = task.description().discrete;
  const ActionBatch actions{discrete ? Matrix() : Matrix{values.data(), 2, task.description().action_size},
                            discrete ? labels.view() : Labels()};
  try {
    CommandExpert expert(task, command, timeout);
    for (int i = 0; i < times; ++i) expert.act(stream, {{observations.data(), 2, 2}, {}, 0, {}}, actions);
  } catch (const Error& error) {
    EXPECT_EQ(error.cause(), Error::Cause::input);
    return error.what();
  }
  return "no error";
}

class CommandExpertOn : public EveryDevice {};

TEST_P(CommandExpertOn, AnswersComeToTheRowsThatWereAsked) {
  Stream stream(device_);
  const CustomTask task = mirror_task();
  CommandExpert expert(task, mirror_command);
  const std::vector<float> asked{0.1f, -3.4028235e38f, 1e-45f, 1.0f / 3.0f, 16777216.0f, -0.0f};
  const Buffer<float> observations(stream, asked);
  const Buffer<float> actions(device_, 6);
  const ActorInput all{{observations.data(), 3, 2}, {}, 0, {}};
  expert.act(stream, all, {{actions.data(), 3, 2}, {}});
  EXPECT_EQ(actions.download(stream), asked);
  // Row 1 has ended: it is not asked for.
  const Buffer<std::int32_t> status(stream, std::vector<std::int32_t>{0, 1, 0});
  expert.act(stream, {{observations.data(), 3, 2}, {}, 0, status.view()}, {{actions.data(), 3, 2}, {}});
  EXPECT_THAT(actions.download(stream), ElementsAre(0.1f, -3.4028235e38f, 0.0f, 0.0f, 16777216.0f, -0.0f));
}

MYNAH_ON_EVERY_DEVICE(CommandExpertOn);

TEST(CommandExpert, DiscreteActionsAreClassNumbers) {
  const CustomTask task = discrete_task();
  EXPECT_EQ(error_of(task, always(R"({"actions": [2, 0]})"), 20.0, 3), "no error");
  EXPECT_THAT(error_of(task, always(R"({"actions": [3, 0]})")),
              HasSubstr("actions[0] is class 3; the task's are 0 to 2"));
  EXPECT_THAT(error_of(task, always(R"({"actions": [0, -1]})")), HasSubstr("actions[1] is class -1"));
  EXPECT_THAT(error_of(task, always(R"({"actions": [0, 0.5]})")), HasSubstr("actions[1] is no class number"));
  EXPECT_THAT(error_of(task, always(R"({"actions": [[0], [1]]})")), HasSubstr("actions[0] is no class number"));
}

TEST(CommandExpert, NonsenseIsRefusedWithWhatItSaid) {
  const CustomTask task = docking_task();
  EXPECT_EQ(error_of(task, always(R"({"actions": [[1], [0.5]]})"), 20.0, 3), "no error");
  EXPECT_THAT(error_of(task, always("hello")), AllOf(HasSubstr("no JSON object"), HasSubstr("'hello'")));
  EXPECT_THAT(error_of(task, always("[1, 2]")), HasSubstr("no JSON object"));
  EXPECT_THAT(error_of(task, always("{}")), HasSubstr("no list \"actions\""));
  EXPECT_THAT(error_of(task, always(R"({"actions": [[1]]})")), HasSubstr("2 observations got 1 actions"));
  EXPECT_THAT(error_of(task, always(R"({"actions": [[1], [1, 2]]})")), HasSubstr("actions[1] has 2 values"));
  EXPECT_THAT(error_of(task, always(R"({"actions": [1, 2]})")), HasSubstr("actions[0] is no list"));
  EXPECT_THAT(error_of(task, always(R"({"actions": [[1], [null]]})")), HasSubstr("actions[1][0] is no number"));
  EXPECT_THAT(error_of(task, always(R"({"actions": [[1], [1e300]]})")), HasSubstr("actions[1][0] is no finite"));
  EXPECT_THAT(error_of(task, always(R"({"actions": [[NaN], [1]]})")),
              AllOf(HasSubstr("no JSON object"), HasSubstr("NaN")));
}

TEST(CommandExpert, AnAnswerThatWasNotAskedForIsNotTakenForTheNext) {
  const CustomTask task = docking_task();
  const std::string error = error_of(task, "echo loading; sleep 1; " + always(R"({"actions": [[1], [1]]})"), 20.0, 2);
  EXPECT_THAT(error, testing::AnyOf(HasSubstr("not asked for: 'loading"), HasSubstr("it answered 'loading'")));
}

TEST(CommandExpert, DeathIsReportedWithItsLastWords) {
  const CustomTask task = docking_task();
  const std::string die = "read -r line; echo 'no module named torch' >&2; ";
  EXPECT_THAT(error_of(task, die + "exit 3"),
              AllOf(HasSubstr("command `read"), HasSubstr("exit status 3"), HasSubstr("no module named torch")));
  EXPECT_THAT(error_of(task, die + "kill -9 $$"), HasSubstr("killed by signal 9"));
  EXPECT_THAT(error_of(task, "exit 0"), HasSubstr("exit status 0"));
  EXPECT_THAT(error_of(task, "mynah-no-such-command"), AllOf(HasSubstr("exit status 127"), HasSubstr("not found")));
  EXPECT_THAT(error_of(task, "read -r line; printf '{\"act'"), HasSubstr("after an unfinished line: '{\"act'"));
  EXPECT_THAT(error_of(task, "  "), HasSubstr("it is empty"));
  // The second question finds it gone.
  EXPECT_THAT(error_of(task, R"(read -r line; echo '{"actions": [[1], [1]]}'; exit 4)", 20.0, 2),
              HasSubstr("exit status 4"));
}

TEST(CommandExpert, AHungCommandIsKilled) {
  const CustomTask task = docking_task();
  EXPECT_THAT(error_of(task, "sleep 1000", 0.2), HasSubstr("no answer within 0.2 s"));
  EXPECT_THAT(error_of(task, "printf '{\"act'; sleep 1000", 0.5), HasSubstr("'{\"act'"));
  EXPECT_THAT(error_of(task, "exec >&-; sleep 1000", 20.0), HasSubstr("closed its standard output"));
  EXPECT_THAT(error_of(task, "sleep 1000", 0.0), HasSubstr("--expert-timeout 0"));
}

TEST(CommandExpert, NoChildIsLeft) {
  const CustomTask task = docking_task();
  EXPECT_EQ(error_of(task, always(R"({"actions": [[1], [0.5]]})")), "no error");
  error_of(task, "sleep 1000", 0.1);
  error_of(task, "exit 3");
  { const LineProcess deaf("trap '' TERM; exec sleep 1000"); }  // does not mind that its input ends
  errno = 0;
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

/// Of the kernel: whether the process runs. One that nobody has collected does not.
bool runs(const std::string& process) {
  std::ifstream file("/proc/" + process + "/stat");
  std::string text;
  std::getline(file, text);
  const std::size_t end = text.rfind(')');
  return end != std::string::npos && end + 2 < text.size() && text[end + 2] != 'Z' && text[end + 2] != 'X';
}

TEST(CommandExpert, WhatACommandLeavesRunningEndsWithIt) {
  std::string left;
  {
    LineProcess command("read -r line; sleep 1000 & echo $!");
    left = command.exchange("go", std::chrono::seconds(20));
    EXPECT_TRUE(runs(left)) << left;
  }
  for (int i = 0; i < 2000 && runs(left); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_FALSE(runs(left)) << left;
}

TEST(CommandExpert, WhoeverWritesForEverIsStoppedInTime) {
  const CustomTask task = docking_task();
  EXPECT_THAT(error_of(task, "yes complaint >&2; true", 0.5),
              AllOf(HasSubstr("no answer within 0.5 s"), HasSubstr("complaint")));
  const std::string asked = "read -r line; echo '{\"actions\": [[1], [1]]}'; exec yes";
  EXPECT_THAT(error_of(task, asked, 20.0, 2),
              testing::AnyOf(HasSubstr("not asked for: 'y"), HasSubstr("it answered 'y'")));
}

TEST(CommandExpert, AnAnswerToHalfAQuestionIsRefused) {
  LineProcess hasty("head -c 10 >/dev/null; echo done; sleep 1000");
  try {
    hasty.exchange(std::string(3'000'000, 'x'), std::chrono::seconds(60));
    ADD_FAILURE() << "the question was not read";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("before it had read the whole question"), HasSubstr("'done'")));
  }
}

TEST(CommandExpert, AQuestionLargerThanAPipeIsAsked) {
  LineProcess echo("cat");
  const std::string line(3'000'000, 'x');
  EXPECT_EQ(echo.exchange(line, std::chrono::seconds(60)), line);
  EXPECT_EQ(echo.exchange("short", std::chrono::seconds(60)), "short");
  LineProcess gone("exec <&-; sleep 0.3; echo no input >&2; exit 5");  // the write fails: no signal, an error
  try {
    gone.exchange(line, std::chrono::seconds(60));
    ADD_FAILURE() << "an answer came";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("exit status 5"), HasSubstr("no input")));
  }
  EXPECT_THROW(gone.exchange("again", std::chrono::seconds(1)), Error);
}

}  // namespace
}  // namespace mynah::tests
