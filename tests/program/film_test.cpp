// mynah evaluate --record and mynah record, as their users meet them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "tests/program/program.h"
#include "tests/temporary_folder.h"

namespace mynah::tests {
namespace {

using testing::HasSubstr;

class Filming : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }

  static ProgramResult film(const std::string& file, const std::string& task = "pendulum") {
    return run_program(
        {"evaluate", "expert", "--task", task, "--episodes", "2", "--device", "cpu", "--json", "--record", file});
  }

  /// A command `ffmpeg` that comes before any other: a script of the shell.
  void install_ffmpeg(const std::string& script) {
    std::filesystem::create_directory(folder_.path() / "bin");
    write_file(path("bin/ffmpeg"), "#!/bin/sh\n" + script);
    std::filesystem::permissions(path("bin/ffmpeg"), std::filesystem::perms::owner_all);
    ::setenv("PATH", (path("bin") + ":/usr/bin:/bin").c_str(), 1);
  }
  ~Filming() override { ::setenv("PATH", path_before_.c_str(), 1); }

  TemporaryFolder folder_;
  std::string path_before_ = ::getenv("PATH");
};

TEST_F(Filming, WritesGifAndSvg) {
  auto result = film(path("a.gif"), "cartpole");
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_EQ(result.json().at("return_mean"), 500.0) << "standard output has the one object";
  EXPECT_THAT(read_file(path("a.gif")), testing::StartsWith("GIF89a"));
  result = film(path("a.svg"));
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(read_file(path("a.svg")), testing::AllOf(testing::StartsWith("<svg"), testing::EndsWith("</svg>\n")));
  result = run_program({"evaluate", "expert", "random", "--task", "pendulum", "--record", path("b.gif")});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.errors, HasSubstr("name one policy"));
  EXPECT_FALSE(std::filesystem::exists(path("b.gif")));
}

TEST_F(Filming, VideosGoThroughFfmpeg) {
  install_ffmpeg("for last; do :; done\ncat | wc -c > \"$last\"\n");
  auto result = film(path("a.mp4"));
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  // 200 steps and the last state for half a second of 20 frames, 400 x 400 pixels of three bytes.
  EXPECT_EQ(std::stol(read_file(path("a.mp4"))), (200 + 10) * 400L * 400L * 3L);
  const std::string before = read_file(path("a.mp4"));
  install_ffmpeg("echo 'no such codec' >&2\nexit 3\n");
  result = film(path("a.mp4"));
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.errors, HasSubstr("no such codec"));
  EXPECT_EQ(read_file(path("a.mp4")), before);
  std::filesystem::remove(path("bin/ffmpeg"));
  ::setenv("PATH", path("bin").c_str(), 1);
  result = film(path("b.mp4"));
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.errors, HasSubstr("apt-get install ffmpeg"));
  EXPECT_FALSE(std::filesystem::exists(path("b.mp4")));
}

TEST_F(Filming, RecordingDropsPoorEpisodes) {
  const auto record = [&](std::vector<std::string> more) {
    more.insert(more.begin(),
                {"record", "--task", "cartpole", "--device", "cpu", "--json", "--out", path("demos.npz")});
    return run_program(more);
  };
  auto result = record({"--policy", "random", "--episodes", "5", "--min-return", "40"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_EQ(result.json().at("episodes"), 5);
  EXPECT_GT(result.json().at("dropped"), 0);
  EXPECT_GE(result.json().at("return_mean"), 40.0);
  const int dropped = result.json().at("dropped");
  const std::string first = read_file(path("demos.npz"));
  record({"--policy", "random", "--episodes", "5", "--min-return", "40"});
  EXPECT_EQ(read_file(path("demos.npz")), first);
  result = record({"--policy", "random", "--min-return", "450", "--max-attempts", "30"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.errors, HasSubstr("0 of 30 episodes reached 450"));
  EXPECT_EQ(read_file(path("demos.npz")), first);
  EXPECT_FALSE(std::filesystem::exists(path("demos.partial.npz"))) << "nothing was good enough";
  // One attempt less than it takes: what was good enough stays, and is said.
  result = record(
      {"--policy", "random", "--episodes", "5", "--min-return", "40", "--max-attempts", std::to_string(dropped + 4)});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.errors, HasSubstr("kept in " + path("demos.partial.npz") + ": 4 episodes ("));
  EXPECT_THAT(result.errors, HasSubstr("of a return of 40 or more"));
  EXPECT_EQ(read_file(path("demos.npz")), first);
  const auto partial = run_program({"inspect", path("demos.partial.npz"), "--json"}).json();
  EXPECT_EQ(partial.at("episodes"), 4);
}

TEST_F(Filming, RecordingDrawsAPolicysActions) {
  ASSERT_EQ(run_program({"record", "--task", "cartpole", "--episodes", "3", "--out", path("demos.npz")}).exit_code, 0);
  ASSERT_EQ(run_program({"train", "bc", "--data", path("demos.npz"), "--task", "cartpole", "--hidden", "8", "--epochs",
                         "1", "--device", "cpu", "--out", path("run")})
                .exit_code,
            0);
  const auto record = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"record", "--policy", path("run"), "--episodes", "3", "--device", "cpu", "--out"});
    const auto result = run_program(more);
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    return read_file(more[8]);
  };
  const std::string likeliest = record({path("a.npz")}), drawn = record({path("b.npz"), "--sampled"});
  EXPECT_THAT(drawn, testing::StartsWith("PK"));
  EXPECT_NE(likeliest, drawn);
  EXPECT_EQ(record({path("c.npz"), "--sampled"}), drawn);
  const auto refused = run_program({"record", "--task", "cartpole", "--sampled", "--out", path("d.npz")});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.errors, HasSubstr("expert is no policy"));
}

}  // namespace
}  // namespace mynah::tests
