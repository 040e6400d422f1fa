#include "engine/run_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <random>
#include <thread>

#include "engine/file_bytes.h"
#include "engine/metrics.h"
#include "kernels/error.h"
#include "tests/temporary_folder.h"

namespace mynah {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

template <class Action>
std::string error_of(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.cause(), Error::Cause::input) << error.what();
    EXPECT_FALSE(error.remedy().empty()) << error.what();
    return error.what();
  }
  return "no error";
}

/// A checkpoint in which every value depends on the step, so that a mixture of two would be seen.
SafetensorsFile checkpoint(Index step) {
  SafetensorsFile file;
  file.metadata["kind"] = "checkpoint";
  file.add_int64("step", {}, std::vector<std::int64_t>{step});
  file.add_floats("parameters", {5000}, std::vector<float>(5000, static_cast<float>(step)));
  return file;
}

TEST(RunFolder, ARunIsMadeAndOpened) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "runs" / "first";
  EXPECT_FALSE(RunFolder::is_run(path));
  {
    const RunFolder run = RunFolder::create(path, "epochs = 3\n");
    EXPECT_FALSE(run.load_checkpoint().has_value());
    run.save_checkpoint(checkpoint(1));
    run.save_checkpoint(checkpoint(2));
    run.save_best(checkpoint(1));
    run.save_policy(checkpoint(2));
  }
  EXPECT_TRUE(RunFolder::is_run(path));
  const RunFolder run = RunFolder::open(path, RunFolder::Access::read);
  EXPECT_EQ(run.config(), "epochs = 3\n");
  ASSERT_TRUE(run.load_checkpoint().has_value());
  EXPECT_EQ(run.load_checkpoint()->tensors, checkpoint(2).tensors);
  EXPECT_EQ(run.load_checkpoint()->metadata, checkpoint(2).metadata);
  EXPECT_EQ(run.load_best()->tensors, checkpoint(1).tensors);
  EXPECT_EQ(load_safetensors(run.policy_path()).tensors, checkpoint(2).tensors);
  EXPECT_THROW(run.save_checkpoint(checkpoint(3)), Error);
}

TEST(RunFolder, AnEarlierRunIsNotTouchedUnlessTold) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "run";
  RunFolder::create(path, "seed = 1\n").save_checkpoint(checkpoint(1));
  MetricsWriter(path).write(1, 1, {{"loss", 1}});
  std::ofstream(path / "notes.txt") << "mine";

  EXPECT_THAT(error_of([&] { RunFolder::create(path, "seed = 2\n"); }),
              AllOf(HasSubstr(path.string() + ": the folder holds a run already (config.toml)"), HasSubstr("--out"),
                    HasSubstr("mynah resume " + path.string())));
  EXPECT_EQ(RunFolder::open(path, RunFolder::Access::read).config(), "seed = 1\n");
  EXPECT_TRUE(RunFolder::open(path, RunFolder::Access::read).load_checkpoint().has_value());

  const RunFolder run = RunFolder::create(path, "seed = 2\n", RunFolder::Existing::overwrite);
  EXPECT_EQ(run.config(), "seed = 2\n");
  EXPECT_FALSE(run.load_checkpoint().has_value());
  EXPECT_FALSE(fs::exists(run.metrics_path()));
  EXPECT_EQ(read_file_bytes(path / "notes.txt"), "mine");
  // What is left: config.toml, .lock, checkpoints, notes.txt.
  EXPECT_EQ(std::distance(fs::directory_iterator(path), {}), 4);
}

TEST(RunFolder, WhatIsNoRunIsRefused) {
  const TemporaryFolder folder;
  const fs::path& path = folder.path();
  const auto open = [](const fs::path& where) {
    return error_of([&] { RunFolder::open(where, RunFolder::Access::read); });
  };
  EXPECT_THAT(open(path / "none"), HasSubstr("there is no such folder"));
  EXPECT_THAT(open(path), HasSubstr("it has no config.toml"));
  std::ofstream(path / "file") << "x";
  EXPECT_THAT(open(path / "file"), HasSubstr("it is a file"));
  EXPECT_THAT(error_of([&] { RunFolder::create(path / "file", ""); }), HasSubstr("it is a file"));
  EXPECT_THAT(error_of([&] { RunFolder::create(path / "file" / "run", ""); }), HasSubstr("cannot be made"));
}

TEST(RunFolder, UnwritablePlaceIsNamed) {
  // /proc takes no new folder, not even from root.
  EXPECT_THAT(error_of([] { RunFolder::create("/proc/mynah-run", ""); }),
              AllOf(HasSubstr("/proc/mynah-run"), HasSubstr("cannot be made")));
}

TEST(RunFolder, OnlyOneProcessWritesARun) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "run";
  {
    const RunFolder run = RunFolder::create(path, "");
    const pid_t child = ::fork();
    if (child == 0) {
      int result = 1;
      try {
        RunFolder::open(path, RunFolder::Access::write);
      } catch (const Error& error) {
        const std::string expected = "process " + std::to_string(::getppid()) + " is writing this run";
        result = error.problem() == expected ? 0 : 2;
      }
      ::_exit(result);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
    EXPECT_NO_THROW(RunFolder::open(path, RunFolder::Access::read));
    EXPECT_THAT(error_of([&] { RunFolder::create(path, "", RunFolder::Existing::overwrite); }),
                HasSubstr("is writing this run"));
  }
  EXPECT_NO_THROW(RunFolder::open(path, RunFolder::Access::write));
}

TEST(RunFolder, EveryDamageOfACheckpointIsSeen) {
  const TemporaryFolder folder;
  const RunFolder run = RunFolder::create(folder.path() / "run", "");
  SafetensorsFile small;
  small.metadata["kind"] = "checkpoint";
  small.add_floats("w", {2, 2}, std::vector<float>{1, 2, 3, 4});
  small.add_bytes("mask", {1}, std::vector<std::uint8_t>{1});
  run.save_checkpoint(small);
  const std::string bytes = read_file_bytes(run.latest_path());
  const auto load_damaged = [&](const std::string& damaged) {
    std::ofstream(run.latest_path(), std::ios::binary) << damaged;
    return error_of([&] { run.load_checkpoint(); });
  };
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (const int flip : {0x01, 0x20, 0x80}) {
      std::string damaged = bytes;
      damaged[i] = static_cast<char>(damaged[i] ^ flip);
      ASSERT_THAT(load_damaged(damaged),
                  AllOf(HasSubstr(run.latest_path().string()), HasSubstr("checkpoint is unreadable")))
          << "byte " << i << " of " << bytes;
    }
    ASSERT_THAT(load_damaged(bytes.substr(0, i)), HasSubstr("checkpoint is unreadable"));
  }
}

TEST(RunFolder, FullDiskLeavesTheEarlierCheckpoint) {
  const TemporaryFolder folder;
  const RunFolder run = RunFolder::create(folder.path() / "run", "");
  run.save_checkpoint(checkpoint(1));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  auto* const handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 4096;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const std::string message = error_of([&] { run.save_checkpoint(checkpoint(2)); });
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_THAT(message, HasSubstr(run.latest_path().string()));
  EXPECT_EQ(run.load_checkpoint()->tensors, checkpoint(1).tensors);
}

/// What a training process does with its run folder, until it is killed.
[[noreturn]] void write_for_ever(const fs::path& path, bool again) {
  try {
    const RunFolder run = again ? RunFolder::open(path, RunFolder::Access::write) : RunFolder::create(path, "seed = 1");
    const auto latest = run.load_checkpoint();
    Index step = latest ? latest->int64s("step")[0] : 0;
    MetricsWriter metrics(path, step);
    while (true) {
      ++step;
      metrics.write(step, step, {{"loss", 1.0 / static_cast<double>(step)}});
      metrics.sync();
      run.save_checkpoint(checkpoint(step));
      if (step % 3 == 0) run.save_policy(checkpoint(step));
    }
  } catch (const std::exception&) {
    ::_exit(3);
  }
}

/// How long the disk takes for one step of write_for_ever, so that the kills fall among the steps on any disk.
std::chrono::microseconds time_of_step(const fs::path& path) {
  const RunFolder run = RunFolder::create(path, "seed = 1");
  MetricsWriter metrics(path);
  const auto begin = std::chrono::steady_clock::now();
  for (Index step = 1; step <= 4; ++step) {
    metrics.write(step, step, {{"loss", 1}});
    metrics.sync();
    run.save_checkpoint(checkpoint(step));
  }
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begin) / 4;
}

TEST(RunFolder, KilledAtAnyMomentItOpens) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "run";
  const auto longest = 8 * time_of_step(folder.path() / "measured");
  std::mt19937 random(7);
  Index last_step = 0;
  // At least 20 kills, and more on a disk so slow that most of them came before the first steps.
  for (int kill = 0; kill < 20 || (last_step <= 10 && kill < 400); ++kill) {
    const bool again = RunFolder::is_run(path);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) write_for_ever(path, again);
    std::this_thread::sleep_for(std::chrono::microseconds(random() % static_cast<unsigned long>(longest.count())));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child failed before it was killed";

    if (!RunFolder::is_run(path)) continue;  // killed before config.toml: not a run yet, and create takes it
    const RunFolder run = RunFolder::open(path, RunFolder::Access::read);
    EXPECT_EQ(run.config(), "seed = 1");
    const auto latest = run.load_checkpoint();
    if (!latest) {
      EXPECT_EQ(last_step, 0);
      continue;
    }
    const Index step = latest->int64s("step")[0];
    EXPECT_GE(step, last_step);
    EXPECT_EQ(latest->tensors, checkpoint(step).tensors);
    if (fs::exists(run.policy_path())) load_safetensors(run.policy_path());
    last_step = step;

    // Resuming finds exactly the lines up to the checkpoint.
    MetricsWriter(path, step).flush();
    const std::string lines = read_file_bytes(run.metrics_path());
    EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), step);
  }
  EXPECT_GT(last_step, 10) << "hardly anything was written before the kills";
}

}  // namespace
}  // namespace mynah
