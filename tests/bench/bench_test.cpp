// mynah-bench as its users meet it: what it measures, what it refuses, and its peers, which are scripts here.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "tests/program/program.h"
#include "tests/temporary_folder.h"

namespace mynah::tests {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using Arguments = std::vector<std::string>;

class Bench : public testing::Test {
 protected:
  ~Bench() override { ::unsetenv("MYNAH_PEERS"); }

  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }

  /// In place of bench/peers: a shell script that is the worker of every peer.
  void use_peer(const std::string& script) const {
    write_file(folder_.path() / "peer_python", "#!/bin/sh\n" + script);
    std::filesystem::permissions(folder_.path() / "peer_python", std::filesystem::perms::owner_all);
    ::setenv("MYNAH_PEERS", folder_.path().c_str(), 1);
  }
  /// One that takes so many microseconds for everything.
  void use_peer_that_takes(const std::string& microseconds) const {
    use_peer(R"(echo '{"version": "7.1"}'
while read -r line; do
  case $line in
    *prepare*) echo '{"prepared": "as it is"}' ;;
    *) echo '{"median_us": )" +
             microseconds + R"(, "best_us": )" + microseconds + R"(, "lower_us": 1, "upper_us": 2, "samples": 3}' ;;
  esac
done
)");
  }

  static void expect_refused(const Arguments& arguments, const std::string& problem, const std::string& remedy = "") {
    const ProgramResult result = run_program(arguments);
    EXPECT_EQ(result.exit_code, 2) << result.output;
    EXPECT_THAT(result.errors, HasSubstr(problem));
    EXPECT_THAT(result.errors, HasSubstr(remedy));
    EXPECT_TRUE(result.output.empty()) << result.output;
  }

  /// What `mynah-bench run` with these and short measurements writes.
  json measured(Arguments arguments, int expected_exit_code = 0, const std::string& program = MYNAH_PROGRAM) const {
    const std::string file = path("result.json");
    arguments.insert(arguments.begin(), {"run", "--json", file, "--csv", path("result.csv")});
    if (std::find(arguments.begin(), arguments.end(), "--seconds") == arguments.end()) {
      arguments.insert(arguments.end(), {"--seconds", "0.002"});
    }
    const ProgramResult result = run_other_program(program, arguments);
    EXPECT_EQ(result.exit_code, expected_exit_code) << result.errors << result.output;
    errors_ = result.errors;
    return json::parse(read_file(file));
  }

  TemporaryFolder folder_;
  mutable std::string errors_;
};

TEST_F(Bench, HelpAndVersion) {
  const ProgramResult help = run_program({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  for (const char* verb : {"list", "run", "table"}) EXPECT_THAT(help.output, HasSubstr(verb));
  const ProgramResult run = run_program({"run", "--help"});
  EXPECT_EQ(run.exit_code, 0);
  for (const char* option : {"--shape", "--path", "--device", "--cache", "--peers", "--repeats", "--csv", "--json"}) {
    EXPECT_THAT(run.output, HasSubstr(option));
  }
  EXPECT_EQ(run_program({"--version"}).exit_code, 0);
}

TEST_F(Bench, RefusesWhatThereIsNotAndNamesTheNearest) {
  expect_refused({}, "subcommand is required");
  expect_refused({"rum"}, "there is no such verb", "did you mean `mynah-bench run`?");
  expect_refused({"run"}, "no workload was given", "mynah-bench list");
  expect_refused({"run", "trian-17-256-6"}, "no workload or group 'trian-17-256-6'", "did you mean 'train-17-256-6'?");
  expect_refused({"run", "trainings"}, "'trainings'", "did you mean 'training'?");
  expect_refused({"run", "train-17-256-6", "--path", "residant"}, "no path 'residant'", "did you mean 'resident'?");
  expect_refused({"run", "train-17-256-6", "--peers", "torhc"}, "no peer 'torhc'", "one of: torch");
  expect_refused({"run", "train-17-256-6", "--cache", "warm"}, "no cache 'warm'", "hot, cold, both");
  expect_refused({"run", "train-17-256-6", "--clock", "wal"}, "no clock 'wal'", "did you mean 'wall'?");
  expect_refused({"run", "train-17-256-6", "--loss", "msee"}, "no loss 'msee'", "did you mean 'mse'?");
  expect_refused({"run", "train-17-256-6", "--optimizer", "adamm"}, "no optimizer 'adamm'", "did you mean 'adam'?");
  expect_refused({"run", "train-17-256-6", "--device", "gpu"}, "gpu");
  expect_refused({"run", "train-17-256-6", "--batch", "-3"}, "-3 is below 1");
  expect_refused({"run", "train-17-256-6", "--threads", "0"}, "--threads: 0 is below 1");
  expect_refused({"run", "train-17-256-6", "--repeats", "0"}, "--repeats");
  expect_refused({"run", "train-17-256-6", "--core", "4000", "--peers", "none"}, "cannot run on core 4000");
  for (const char* shape : {"17", "17-", "17-0-6", "17-x-6", "17--6"}) {
    expect_refused({"run", "--shape", shape}, "is no shape of a network", "such as 17-256-6");
  }
  expect_refused({"run", "--shape"}, "--shape", "mynah-bench run --help");
}

TEST_F(Bench, AFileThatCannotBeWrittenIsFoundBeforeMeasuring) {
  for (const char* option : {"--json", "--csv"}) {
    expect_refused({"run", "everything", option, path("missing/result")}, path("missing"));
  }
}

TEST_F(Bench, ListSaysWhatThereIsAndHowToGetWhatIsMissing) {
  use_peer("echo '{\"missing\": \"No module named sunflower\", \"get\": \"plant one\"}'\n");
  const json list = run_program({"list", "--json"}).json();
  EXPECT_GE(list.at("workloads").size(), 60U);
  EXPECT_EQ(list.at("devices").at(0).at("device"), "cpu");
  for (const char* peer : {"torch", "torch-compiled", "jax", "gymnasium"}) {
    EXPECT_EQ(list.at("peers").at(peer).at("missing"), "No module named sunflower");
    EXPECT_EQ(list.at("peers").at(peer).at("get"), "plant one");
  }
  for (const char* library : {"cublas", "cudnn"}) {
    const json& about = list.at("peers").at(library);
    EXPECT_TRUE(about.contains("version") || about.contains("get")) << about;
  }
  const ProgramResult text = run_program({"list"});
  EXPECT_THAT(text.output, HasSubstr("train-17-256-6"));
  EXPECT_THAT(text.output, HasSubstr("missing: No module named sunflower; plant one"));
}

void expect_ordered(const json& spread) {
  EXPECT_GT(spread.at("best_us").get<double>(), 0.0);
  EXPECT_LE(spread.at("best_us").get<double>(), spread.at("lower_us").get<double>());
  EXPECT_LE(spread.at("lower_us").get<double>(), spread.at("median_us").get<double>());
  EXPECT_LE(spread.at("median_us").get<double>(), spread.at("upper_us").get<double>());
  EXPECT_GE(spread.at("samples").get<int>(), 1);
}

TEST_F(Bench, AResultFileHoldsEveryRepeatAndWhatItWasMeasuredOn) {
  const json document = measured({"--shape", "3-4-2", "--batch", "5", "--peers", "none"});
  EXPECT_EQ(document.at("mynah_bench"), 1);
  EXPECT_THAT(document.at("command").get<std::string>(), HasSubstr("mynah-bench run"));
  for (const char* key : {"date", "version", "machine", "settings", "peers"})
    EXPECT_TRUE(document.contains(key)) << key;
  for (const char* key : {"processor", "cores", "instructions"})
    EXPECT_TRUE(document.at("machine").contains(key)) << key;
  ASSERT_EQ(document.at("results").size(), 1U);
  const json& result = document.at("results")[0];
  EXPECT_EQ(result.at("workload").at("text"), "3-4-2, batch 5");
  ASSERT_EQ(result.at("contestants").size(), 1U);
  const json& ours = result.at("contestants")[0];
  ASSERT_EQ(ours.at("repeats").size(), 5U);
  expect_ordered(ours);
  double best = 1e30;
  for (const json& repeat : ours.at("repeats")) {
    expect_ordered(repeat);
    best = std::min(best, repeat.at("best_us").get<double>());
  }
  EXPECT_EQ(ours.at("best_us"), best);
  // Two products with 12 and 8 weights: both forward and for their gradients, the second for its input too.
  EXPECT_EQ(ours.at("flops"), 2.0 * 5.0 * (2.0 * 12.0 + 3.0 * 8.0));
  EXPECT_TRUE(result.at("not_run").empty()) << result;

  const std::string csv = read_file(path("result.csv"));
  EXPECT_THAT(csv, HasSubstr("workload,shape,device,cache,name,path,best_us"));
  EXPECT_THAT(csv, HasSubstr("\"3-4-2, batch 5\",cpu,hot,mynah,automatic,"));
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 2);
}

TEST_F(Bench, EveryKindOfWorkloadRuns) {
  for (const Arguments& kind :
       {Arguments{"--shape", "3-4-2", "--inference"},
        Arguments{"--shape", "3-4-2", "--inference", "--batch", "7", "--path", "all"},
        Arguments{"--shape", "3-4-2", "--population", "3", "--batch", "4"},
        Arguments{"--shape", "3-4-2", "--loss", "softmax_cross_entropy", "--optimizer", "sgd"},
        Arguments{"--shape", "3-4-2", "--loss", "binary_cross_entropy", "--optimizer", "adamw"},
        Arguments{"--shape", "3-4-2", "--loss", "gaussian_likelihood", "--optimizer", "rmsprop"},
        Arguments{"--product", "24", "--precision", "bfloat16"}, Arguments{"adam", "--size", "1000"},
        Arguments{"--layer", "conv2d:in=1,height=5,width=5,out=2,kernel=3", "--batch", "2"}, Arguments{"dcgan-step-b1"},
        Arguments{"softmax-cross-entropy-10-b64"}, Arguments{"acrobot", "--batch", "64"}}) {
    Arguments arguments = kind;
    arguments.insert(arguments.end(), {"--peers", "none", "--repeats", "1"});
    const json document = measured(arguments);
    for (const json& one : document.at("results").at(0).at("contestants")) expect_ordered(one);
  }
}

TEST_F(Bench, APopulationsTimeIsThatOfAMember) {
  const auto best = [&](const char* members) {
    return measured({"--shape", "17-64-6", "--population", members, "--peers", "none", "--seconds", "0.02"})
        .at("results")[0]
        .at("contestants")[0]
        .at("best_us")
        .get<double>();
  };
  const double one = best("1"), twenty = best("20");
  EXPECT_LT(twenty, 4.0 * one);
  EXPECT_GT(twenty, one / 4.0);
}

TEST_F(Bench, TheRoofIsAboveWhatIsReached) {
  for (const json& result : measured({"--product", "256", "--peers", "none", "--seconds", "0.05"}).at("results")) {
    EXPECT_GT(result.at("roof").at("gflops").get<double>(), 1.0);
    const json& roof = result.at("contestants")[0].at("roof");
    EXPECT_EQ(roof.at("bound_by"), "FLOP/s");
    // The peak is that of the core at its best: a product does not exceed it, but for a changed clock.
    EXPECT_LT(roof.at("share_of_bests").get<double>(), 1.1);
    EXPECT_GT(roof.at("share_of_bests").get<double>(), 0.1);
  }
}

TEST_F(Bench, AColdCacheIsNotFaster) {
  const json results =
      measured({"--shape", "64-256-256-8", "--batch", "8", "--peers", "none", "--cache", "both", "--seconds", "0.05"})
          .at("results");
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(results[0].at("cache"), "hot");
  EXPECT_EQ(results[1].at("cache"), "cold");
  EXPECT_GT(results[1].at("contestants")[0].at("best_us"), results[0].at("contestants")[0].at("best_us"));
}

TEST_F(Bench, ThreadsAreSaid) {
  const json document = measured({"--product", "64", "--threads", "2", "--peers", "none"});
  EXPECT_EQ(document.at("settings").at("threads"), 2);
  EXPECT_THAT(run_program({"table", path("result.json")}).output, HasSubstr(", 2 threads;"));
}

TEST_F(Bench, PeersTakeTurnsInTheSameRun) {
  use_peer_that_takes("1000");
  const json document = measured({"train-17-256-6", "--peers", "torch,jax"});
  EXPECT_EQ(document.at("peers").at("torch").at("version"), "7.1");
  const json& contestants = document.at("results")[0].at("contestants");
  ASSERT_EQ(contestants.size(), 3U);
  EXPECT_EQ(contestants[1].at("name"), "torch");
  EXPECT_EQ(contestants[1].at("description"), "as it is");
  EXPECT_EQ(contestants[1].at("best_us"), 1000.0);
  EXPECT_EQ(contestants[1].at("repeats").size(), 5U);
}

TEST_F(Bench, TargetsAreChecked) {
  use_peer_that_takes("1000000");
  measured({"train-17-256-6", "--peers", "torch", "--check"});
  use_peer_that_takes("0.001");
  measured({"train-17-256-6", "--peers", "torch"});
  measured({"train-17-256-6", "--peers", "torch", "--check"}, 1);
  EXPECT_THAT(errors_, HasSubstr("17-256-6, batch 32: 0.00"));
  EXPECT_THAT(errors_, HasSubstr("below the target of 20"));
  measured({"train-17-256-6", "--batch", "31", "--peers", "torch", "--check"});  // has no target
}

TEST_F(Bench, APeerThatIsMissingOrRefusesIsNamedAndTheRestIsMeasured) {
  use_peer("echo '{\"missing\": \"No module named sunflower\", \"get\": \"plant one\"}'\n");
  json document = measured({"--shape", "3-4-2", "--peers", "jax"});
  EXPECT_THAT(errors_, HasSubstr("without jax: No module named sunflower; plant one"));
  EXPECT_EQ(document.at("peers").at("jax").at("missing"), "No module named sunflower");

  use_peer("echo it broke >&2\nexit 3\n");
  measured({"--shape", "3-4-2", "--peers", "torch"});
  EXPECT_THAT(errors_, HasSubstr("it broke"));
  EXPECT_THAT(errors_, HasSubstr("without torch: its process ended before it was ready"));

  use_peer("echo '{\"version\": \"1\"}'\nread -r line\necho '{\"refused\": \"no such layer\"}'\nread -r line\n");
  document = measured({"--shape", "3-4-2", "--peers", "torch"});
  const json& not_run = document.at("results")[0].at("not_run");
  ASSERT_EQ(not_run.size(), 1U);
  EXPECT_EQ(not_run[0].at("reason"), "torch: no such layer");
}

TEST_F(Bench, AWorkloadThatCannotBeRunIsNotAResult) {
  json document = measured({"--shape", "3-4-2", "--path", "recorded", "--peers", "none"}, 1);
  EXPECT_THAT(document.at("results")[0].at("not_run")[0].at("reason").get<std::string>(), HasSubstr("the CPU has no"));
  document = measured({"--layer", "conv3d:in=1", "--peers", "none"}, 1);
  EXPECT_THAT(document.at("results")[0].at("not_run")[0].at("reason").get<std::string>(), HasSubstr("conv3d"));
}

/// The paths of a GPU, run on the CPU.
TEST_F(Bench, EveryPathOfCuda) {
  const auto emulated = [&](Arguments arguments, int expected_exit_code = 0) {
    arguments.insert(arguments.end(), {"--device", "cuda", "--peers", "none", "--repeats", "1"});
    return measured(arguments, expected_exit_code, MYNAH_BENCH_CUDA_ON_CPU).at("results");
  };
  const json training = emulated({"--shape", "3-4-2", "--batch", "4", "--path", "all"});
  ASSERT_EQ(training[0].at("contestants").size(), 3U) << training;
  EXPECT_THAT(training[0].at("contestants")[2].at("description").get<std::string>(), HasSubstr("resident"));
  // Of 64 batches an epoch, which is one launch.
  EXPECT_EQ(training[0].at("contestants")[2].at("launches"), 1.0 / 64.0);
  EXPECT_GT(training[0].at("roof").at("launch_us").get<double>(), 0.0);

  const json inference = emulated({"--shape", "3-4-2", "--inference", "--path", "all"});
  EXPECT_EQ(inference[0].at("contestants").size(), 3U) << inference;
  const json refused = emulated({"--product", "16", "--path", "resident"}, 1);
  EXPECT_THAT(refused[0].at("not_run")[0].at("reason").get<std::string>(), HasSubstr("is there for training"));
  const json population = emulated({"--shape", "3-4-2", "--batch", "4", "--population", "3"});
  EXPECT_EQ(population[0].at("contestants").size(), 1U) << population;

  // A step of all copies is one launch, with the starts of new episodes; direct and recorded.
  const json tasks = emulated({"cartpole", "--batch", "70", "--path", "all"});
  ASSERT_EQ(tasks[0].at("contestants").size(), 2U) << tasks;
  for (const json& one : tasks[0].at("contestants")) EXPECT_EQ(one.at("launches"), 1.0 / 70.0);
}

TEST_F(Bench, EveryTaskCanBeStepped) {
  const json results = measured({"tasks", "--batch", "32", "--peers", "none", "--repeats", "1"}).at("results");
  EXPECT_GE(results.size(), 5U);
  EXPECT_EQ(results[0].at("workload").at("text"), "a step of CartPole-v1, 32 copies");
  EXPECT_THAT(run_program({"run", "cartpole", "--peers", "none", "--repeats", "1", "--seconds", "0.002"}).output,
              HasSubstr("million steps a second"));
}

/// The real worker, where there is a Python with torch.
TEST_F(Bench, TorchMeasuresTheSameWorkloads) {
  if (std::system(MYNAH_SOURCE_DIR "/bench/peers/peer_python -c 'import torch' 2>/dev/null") != 0) {
    GTEST_SKIP() << "no Python with torch: bench/peers/setup makes one";
  }
  for (const Arguments& kind : {Arguments{"--shape", "3-4-2", "--loss", "huber", "--optimizer", "rmsprop"},
                                Arguments{"--shape", "3-4-2", "--inference", "--product", "24", "--cache", "both"},
                                Arguments{"adam", "gru-b1", "layer-norm-64-b32", "softmax-cross-entropy-10-b64",
                                          "dcgan-step-b1", "--size", "100"}}) {
    Arguments arguments = kind;
    arguments.insert(arguments.end(), {"--peers", "torch", "--repeats", "1"});
    for (const json& result : measured(arguments).at("results")) {
      ASSERT_EQ(result.at("contestants").size(), 2U) << result;
      expect_ordered(result.at("contestants")[1]);
    }
  }
}

}  // namespace
}  // namespace mynah::tests
