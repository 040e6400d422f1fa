// The program as its users meet it: the whole path, help, and wrong use, which gets exit code 2 and a message with
// place and remedy, and leaves what is on disk as it was.

#include "tests/program/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/temporary_folder.h"

namespace mynah::tests {
namespace {

using testing::HasSubstr;

class Program : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }

  std::string record(const std::string& task, int episodes, const std::string& name) {
    const auto result = run_program(
        {"record", "--task", task, "--episodes", std::to_string(episodes), "--device", "cpu", "--out", path(name)});
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    return path(name);
  }

  /// Fails with exit code 2, and says both.
  static void expect_refused(const ProgramResult& result, const std::string& problem, const std::string& remedy) {
    EXPECT_EQ(result.exit_code, 2) << result.errors;
    EXPECT_THAT(result.errors, HasSubstr("mynah: "));
    EXPECT_THAT(result.errors, HasSubstr(problem));
    EXPECT_THAT(result.errors, HasSubstr(remedy));
    EXPECT_TRUE(result.output.empty()) << result.output;
  }

  TemporaryFolder folder_;
};

TEST_F(Program, FromDemonstrationsToAPolicy) {
  const std::string data = record("pendulum", 12, "demos.npz");
  auto result = run_program({"inspect", data, "--json"});
  EXPECT_EQ(result.json().at("episodes"), 12);
  EXPECT_EQ(result.json().at("rows"), 2400);

  result = run_program({"train", "bc", "--data", data, "--task", "pendulum", "--hidden", "32", "--epochs", "3",
                        "--device", "cpu", "--out", path("run"), "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_EQ(result.json().at("epochs"), 3);
  EXPECT_EQ(result.json().at("policy"), path("run/policy.safetensors"));
  for (const char* file : {"config.toml", "metrics.jsonl", "policy.safetensors"}) {
    EXPECT_TRUE(std::filesystem::exists(folder_.path() / "run" / file)) << file;
  }

  for (const std::string& policy : {path("run"), path("run/policy.safetensors")}) {
    result = run_program({"evaluate", policy, "--episodes", "5", "--device", "cpu", "--json"});
    ASSERT_EQ(result.exit_code, 0) << result.errors;
    for (const char* key : {"task", "episodes", "return_mean", "return_std", "return_min", "return_max", "return_ci95",
                            "normalized_mean"}) {
      EXPECT_TRUE(result.json().contains(key)) << key;
    }
    EXPECT_EQ(result.json().at("task"), "Pendulum-v1");
    EXPECT_EQ(result.json().at("return_ci95").size(), 2U);
  }

  result = run_program({"predict", path("run"), "--data", data, "--out", path("actions.csv"), "--json"});
  EXPECT_EQ(result.json().at("rows"), 2400);
  EXPECT_TRUE(result.json().contains("mse"));
  result = run_program({"export", path("run"), "--out", path("plain.safetensors"), "--json"});
  EXPECT_EQ(result.json().at("network"), "Linear(3, 32), relu, Linear(32, 1)");
  result = run_program({"resume", path("run")});
  expect_refused(result, "this run is finished", "mynah evaluate");
}

TEST_F(Program, EvaluatesSeveralSeeds) {
  const auto evaluated = [](std::vector<std::string> more) {
    more.insert(more.begin(),
                {"evaluate", "random", "--task", "cartpole", "--episodes", "4", "--device", "cpu", "--json"});
    const auto result = run_program(more);
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    return result.json();
  };
  const nlohmann::json counted = evaluated({"--seed", "5", "--seeds", "2"}), listed = evaluated({"--seeds", "5,6"});
  EXPECT_EQ(counted, listed);
  EXPECT_EQ(counted.at("episodes"), 8);
  for (const std::size_t s : {0, 1}) {
    nlohmann::json of_seed = counted.at("per_seed").at(s);
    of_seed.erase("seed");
    EXPECT_EQ(of_seed, evaluated({"--seed", std::to_string(5 + s)}));
  }
  const auto table = run_program(
      {"evaluate", "random", "expert", "--task", "cartpole", "--episodes", "4", "--seeds", "2", "--device", "cpu"});
  EXPECT_THAT(table.output, testing::AllOf(HasSubstr("expert"), HasSubstr("seed 0"), HasSubstr("seed 1")));
  const std::vector<std::string> call{"evaluate", "random", "--task", "cartpole", "--seeds"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), call.begin(), call.end());
    return run_program(more);
  };
  expect_refused(with({"0"}), "--seeds 0", "give 1 to 1000");
  expect_refused(with({"1,x"}), "'x' is no seed", "such as 1,2,7");
  expect_refused(with({"1,2", "--seed", "3"}), "--seed", "leave it out");
}

TEST_F(Program, DistributionsOfActions) {
  const std::string data = record("pendulum", 12, "demos.npz");
  const std::vector<std::string> train{"train", "bc",       "--data", data,       "--task", "pendulum", "--hidden",
                                       "16",    "--epochs", "2",      "--device", "cpu",    "--json"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), train.begin(), train.end());
    return run_program(more);
  };
  auto result = with({"--out", path("run"), "--head", "mixture", "--mixture-components", "3", "--observation-noise",
                      "0.1", "--mirror-observations", "0,-1,-2", "--mirror-actions", "-0"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_TRUE(result.json().contains("validation_mse"));
  EXPECT_THAT(read_file(path("run/metrics.jsonl")), HasSubstr("validation_mse"));
  // A run's own configuration repeats it.
  result = run_program({"train", "bc", "--config", path("run/config.toml"), "--out", path("again"), "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_EQ(read_file(path("run/policy.safetensors")), read_file(path("again/policy.safetensors")));

  const auto mean = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"evaluate", path("run"), "--episodes", "3", "--device", "cpu", "--json"});
    const auto evaluated = run_program(more);
    EXPECT_EQ(evaluated.exit_code, 0) << evaluated.errors;
    return evaluated.json().at("return_mean").get<double>();
  };
  EXPECT_NE(mean({"--sampled"}), mean({}));
  EXPECT_EQ(mean({"--sampled"}), mean({"--sampled"}));
  result = run_program({"record", "--policy", path("run"), "--sampled", "--episodes", "2", "--device", "cpu", "--out",
                        path("drawn.npz"), "--json"});
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  result = run_program({"export", path("run"), "--out", path("plain.safetensors"), "--json"});
  EXPECT_EQ(result.json().at("network"), "Linear(3, 16), relu, Linear(16, 9)");
  EXPECT_EQ(result.json().at("outputs"), "3 logits, 3 x 1 means, 3 x 1 log-deviations");

  result = with({"--out", path("plain")});
  EXPECT_FALSE(result.json().contains("validation_mse")) << "it is the validation loss";
  expect_refused(run_program({"evaluate", path("plain"), "--sampled"}), "--sampled", "--head mixture");
  expect_refused(run_program({"evaluate", "expert", "--task", "pendulum", "--sampled"}), "--sampled", "name a policy");
  expect_refused(with({"--out", path("x"), "--head", "mixtur"}), "--head mixtur", "mse, gaussian, mixture");
  expect_refused(with({"--out", path("x"), "--head", "mixture", "--mixture-components", "1"}), "--mixture-components 1",
                 "--head gaussian");
  expect_refused(with({"--out", path("x"), "--observation-noise", "-1"}), "--observation-noise -1", "0.05");
  expect_refused(with({"--out", path("x"), "--mirror-observations", "0,-1,-2"}), "--mirror-actions", "both");
  expect_refused(with({"--out", path("x"), "--mirror-observations", "0,1", "--mirror-actions", "-0"}),
                 "--mirror-observations: has 2 entries, the data have 3 observation columns", "such as 0,-1,3,2");
  expect_refused(with({"--out", path("x"), "--mirror-observations", "1,2,0", "--mirror-actions", "-0"}),
                 "is not its own inverse", "in pairs");
  EXPECT_FALSE(std::filesystem::exists(path("x")));
}

TEST_F(Program, APopulationAndItsEnsemble) {
  const std::string data = record("pendulum", 12, "demos.npz");
  const std::vector<std::string> train{"train", "bc",       "--data", data,       "--task", "pendulum", "--hidden",
                                       "16",    "--epochs", "2",      "--device", "cpu",    "--json"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), train.begin(), train.end());
    return run_program(more);
  };
  auto result = with({"--out", path("run"), "--population", "seeds=3"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  const auto members = result.json().at("population").at("members");
  ASSERT_EQ(members.size(), 3U);
  for (const auto& member : members) EXPECT_TRUE(std::filesystem::exists(member.at("policy").get<std::string>()));

  // A member is what training it alone gives.
  result = with({"--out", path("alone"), "--seed", "2", "--split-seed", "0"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_EQ(read_file(path("alone/policy.safetensors")), read_file(path("run/members/002.safetensors")));

  result = run_program({"predict", path("run"), "--data", data, "--out", path("actions.csv"), "--json"});
  EXPECT_EQ(result.json().at("members"), 3);
  EXPECT_GT(result.json().at("disagreement"), 0.0);
  EXPECT_THAT(read_file(path("actions.csv")), testing::StartsWith("torque,disagreement_torque\n"));
  result = run_program({"evaluate", path("run"), "--episodes", "3", "--device", "cpu", "--json"});
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  expect_refused(run_program({"evaluate", path("run"), "--sampled"}), "is a population", "members/000.safetensors");
  expect_refused(with({"--out", path("other"), "--population", "seed=3"}), "--population: 'seed'",
                 "did you mean 'seeds'?");
  EXPECT_FALSE(std::filesystem::exists(path("other")));
}

TEST_F(Program, CrossValidation) {
  const std::string data = record("pendulum", 7, "demos.npz");
  const auto with = [&](const std::string& out, const std::string& population, std::vector<std::string> more = {}) {
    std::vector<std::string> all{"train",    "bc", "--data",   data,  "--task", "pendulum", "--hidden",     "16",
                                 "--epochs", "2",  "--device", "cpu", "--out",  path(out),  "--population", population};
    all.insert(all.end(), more.begin(), more.end());
    return run_program(all);
  };
  auto result = with("run", "folds=3 learning-rate=1e-3,1e-6", {"--json"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(result.errors, testing::HasSubstr("7 episodes (1400 rows) in 3 folds"));
  const auto population = result.json().at("population");
  EXPECT_EQ(population.at("folds"), 3);
  const auto& members = population.at("members");
  ASSERT_EQ(members.size(), 6U);
  const auto& combinations = population.at("cross_validation");
  ASSERT_EQ(combinations.size(), 2U);
  for (std::size_t c = 0; c < 2; ++c) {
    double mean = 0.0;
    for (std::size_t fold = 0; fold < 3; ++fold) {
      EXPECT_EQ(members[3 * c + fold].at("fold"), fold);
      mean += members[3 * c + fold].at("validation_loss").get<double>() / 3;
    }
    EXPECT_NEAR(combinations[c].at("validation_loss_mean").get<double>(), mean, 1e-9 * mean);
    EXPECT_GT(combinations[c].at("validation_loss_deviation").get<double>(), 0.0);
  }
  EXPECT_LT(population.at("best_member"), 3) << "a member of the better learning rate";
  result = with("text", "folds=2");
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(result.output, testing::HasSubstr(" over 2 folds\n"));
  expect_refused(with("other", "folds=1"), "--population: 'folds=1' is below 2", "such as 5");
  expect_refused(with("other", "folds=8"), "has 7 episodes, which 8 folds cannot be made of", "give fewer folds");
  EXPECT_FALSE(std::filesystem::exists(path("other")));
}

TEST_F(Program, ComparesRunsWithABaseline) {
  const std::string data = record("pendulum", 6, "demos.npz");
  auto result = run_program({"train", "bc", "--data", data, "--task", "pendulum", "--hidden", "8", "--epochs", "1",
                             "--device", "cpu", "--out", path("run"), "--population", "seeds=5"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  const std::string group = "pair=" + path("run/members/000.safetensors") + "," + path("run/members/001.safetensors");
  const auto compare = [&](std::vector<std::string> more) {
    more.insert(more.begin(), "compare");
    more.insert(more.end(), {"--episodes", "4", "--device", "cpu"});
    return run_program(more);
  };
  result = compare({path("run"), group, "random", "--baseline", "expert", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  const auto runs = result.json().at("runs");
  EXPECT_EQ(result.json().at("baseline"), "expert");
  EXPECT_EQ(runs.at(path("run")).at("per_seed").size(), 5U);
  EXPECT_EQ(runs.at(path("run")).at("resampled"), "seeds");
  EXPECT_EQ(runs.at("pair").at("seeds"), 2);
  EXPECT_EQ(runs.at("pair").at("per_seed").at(1).at("policy"), path("run/members/001.safetensors"));
  EXPECT_LT(runs.at("random").at("probability_of_improvement"), 0.5);
  EXPECT_GT(runs.at("expert").at("normalized_iqm"), 0.8);
  result = compare({path("run"), group, "--baseline", "pair"});
  EXPECT_THAT(result.output, HasSubstr("better than pair"));
  EXPECT_EQ(compare({path("run"), group, "--baseline", "pair"}).output, result.output);

  expect_refused(compare({group, "--baseline", "pai"}), "--baseline pai", "did you mean 'pair'?");
  expect_refused(compare({"expert", "--task", "pendulum", "--baseline", "expert"}), "nothing to compare",
                 "another run");
  expect_refused(compare({group, "--baseline", "random", "--resample", "seeds"}), "'pair' has 2 seeds", "more seeds");
  const std::string poles = record("cartpole", 3, "poles.npz");
  result = run_program({"train", "bc", "--data", poles, "--task", "cartpole", "--hidden", "8", "--epochs", "1",
                        "--device", "cpu", "--out", path("pole")});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  expect_refused(compare({group, "--baseline", path("pole")}), "was trained for CartPole-v1", "--task");
  expect_refused(run_program({"compare", "expert", "--baseline", "random", "--task", "pendulum", "--episodes", "1"}),
                 "one episode", "2 or more");
}

/// What a policy remembers goes with its file through every verb, and through a stop.
TEST_F(Program, PoliciesWithAMemory) {
  const std::string data = record("cartpole", 6, "demos.npz");
  const std::vector<std::string> train{"train", "bc",       "--data", data,       "--task", "cartpole", "--hidden",
                                       "16",    "--epochs", "2",      "--device", "cpu",    "--json"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), train.begin(), train.end());
    return run_program(more);
  };
  const std::vector<std::vector<std::string>> memories{
      {"--history", "3"},
      {"--chunk", "4", "--chunk-execution", "open-loop", "--history", "2"},
      {"--recurrent", "8", "--sequence-length", "16"},
      {"--history", "2", "--history-actions"}};
  for (std::size_t i = 0; i < memories.size(); ++i) {
    const std::string run = path("run" + std::to_string(i));
    std::vector<std::string> options = memories[i];
    options.insert(options.end(), {"--out", run});
    auto result = with(options);
    ASSERT_EQ(result.exit_code, 0) << result.errors;
    EXPECT_THAT(read_file(run + "/config.toml"), HasSubstr(memories[i][0].substr(2) + " = " + memories[i][1]));
    result = run_program({"train", "bc", "--config", run + "/config.toml", "--out", path("again"), "--overwrite"});
    ASSERT_EQ(result.exit_code, 0) << result.errors;
    EXPECT_EQ(read_file(path("again/policy.safetensors")), read_file(run + "/policy.safetensors"));

    result = run_program({"evaluate", run, "--episodes", "7", "--device", "cpu", "--json"});
    ASSERT_EQ(result.exit_code, 0) << result.errors;
    const std::string recorded = path("recorded" + std::to_string(i) + ".npz");
    result = run_program({"record", "--policy", run, "--episodes", "2", "--device", "cpu", "--out", recorded});
    ASSERT_EQ(result.exit_code, 0) << result.errors;
    // The policy agrees with itself: predict goes through episodes as acting does.
    result =
        run_program({"predict", run, "--data", recorded, "--out", path("actions.csv"), "--device", "cpu", "--json"});
    ASSERT_EQ(result.exit_code, 0) << result.errors;
    EXPECT_EQ(result.json().at("accuracy"), 1.0);
  }
  EXPECT_EQ(run_program({"export", path("run1"), "--out", path("plain"), "--json"}).json().at("network"),
            "Linear(8, 16), relu, Linear(16, 8)");
  expect_refused(run_program({"export", path("run2"), "--out", path("plain2")}), "has a recurrent state of 8",
                 "torch.nn.GRU");
  // A population of them acts as one in its task; asked outside, each by itself.
  auto many = with({"--out", path("many"), "--history", "2", "--history-actions", "--population", "seeds=2"});
  ASSERT_EQ(many.exit_code, 0) << many.errors;
  many = run_program({"evaluate", path("many"), "--episodes", "3", "--device", "cpu", "--json"});
  EXPECT_EQ(many.exit_code, 0) << many.errors;
  many = run_program({"compare", path("many"), "--baseline", "random", "--episodes", "3", "--device", "cpu", "--json"});
  EXPECT_EQ(many.json().at("runs").at(path("many")).at("seeds"), 2) << many.errors;
  expect_refused(run_program({"predict", path("many"), "--data", path("recorded0.npz")}),
                 "sees the last 2 observations", "members/000.safetensors");
  expect_refused(with({"--out", path("x"), "--recurrent", "8", "--population", "seeds=2 subset=bootstrap"}),
                 "--population subset=bootstrap", "take --history");
  expect_refused(with({"--out", path("x"), "--recurrent", "8", "--chunk", "2"}), "--recurrent 8", "leave out");
  expect_refused(with({"--out", path("x"), "--chunk", "2", "--chunk-execution", "all"}), "--chunk-execution all",
                 "ensemble or open-loop");
}

TEST_F(Program, ConfigurationFileAndCommandLine) {
  const std::string data = record("cartpole", 6, "demos.npz");
  write_file(path("bc.toml"), "data = \"" + data + "\"\nhidden = [8]\nepochs = 2\nbatch_size = 100\n");
  auto result = run_program(
      {"train", "bc", "--config", path("bc.toml"), "--epochs", "1", "--device", "cpu", "--out", path("run"), "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_EQ(result.json().at("epochs"), 1);
  EXPECT_THAT(read_file(path("run/config.toml")), HasSubstr("batch-size = 100"));
  // A run's own configuration repeats it.
  result = run_program({"train", "bc", "--config", path("run/config.toml"), "--out", path("again"), "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_EQ(read_file(path("run/policy.safetensors")), read_file(path("again/policy.safetensors")));

  write_file(path("bad.toml"), "epoch = 2\n");
  expect_refused(run_program({"train", "bc", "--config", path("bad.toml"), "--out", path("x")}), "bad.toml:1",
                 "epochs");
  write_file(path("bad.toml"), "epochs = \"many\"\n");
  expect_refused(run_program({"train", "bc", "--config", path("bad.toml"), "--out", path("x")}), "bad.toml:1",
                 "a whole number");
}

TEST_F(Program, HelpTellsWhatThereIs) {
  auto result = run_program({"--help"});
  EXPECT_EQ(result.exit_code, 0);
  for (const char* verb :
       {"devices", "record", "inspect", "train", "resume", "evaluate", "compare", "predict", "export"}) {
    EXPECT_THAT(result.output, HasSubstr(verb));
  }
  result = run_program({"train", "bc", "--help"});
  EXPECT_EQ(result.exit_code, 0);
  for (const char* option :
       {"--hidden", "--epochs", "--batch-size", "--learning-rate", "--patience", "--config", "256,256"}) {
    EXPECT_THAT(result.output, HasSubstr(option));
  }
  EXPECT_THAT(run_program({"--version"}).output, HasSubstr("0.1.0"));
  result = run_program({"devices", "--json"});
  EXPECT_EQ(result.json().at("devices").at(0).at("device"), "cpu");
}

TEST_F(Program, WrongUseIsExplained) {
  const std::string data = record("pendulum", 6, "demos.npz");
  const auto train = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments{"train", "bc", "--data", data, "--epochs", "1", "--out", path("run")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  };
  expect_refused(run_program({}), "subcommand", "mynah --help");
  expect_refused(run_program({"evaluat"}), "mynah evaluat", "did you mean `mynah evaluate`");
  expect_refused(run_program({"train", "bc", "--out", path("run")}), "--data", "demos.npz");
  expect_refused(run_program({"train", "bc", "--data", path("none.npz"), "--out", path("run")}), "none.npz", "");
  expect_refused(train({"--learning-rate", "fast"}), "--learning-rate", "a number");
  expect_refused(train({"--hidden", "256,,256"}), "--hidden", "such as 256,256");
  expect_refused(train({"--hidden", "-3"}), "--hidden", "1");
  expect_refused(train({"--activation", "reluu"}), "--activation reluu", "relu");
  expect_refused(train({"--precision", "float16"}), "--precision float16", "float32, tf32, bfloat16");
  expect_refused(train({"--device", "gpu"}), "--device gpu", "--device cpu");
  expect_refused(train({"--validation-fraction", "1.5"}), "fraction", "");
  expect_refused(train({"--epochs", "0"}), "--epochs 0", "at least 1");
  expect_refused(train({"--task", "pendulun"}), "pendulun", "Pendulum-v1");
  expect_refused(train({"--task", "cartpole"}), "does not hold demonstrations of CartPole-v1", "--task");
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "run")) << "refused runs leave no folder";
  expect_refused(run_program({"evaluate", "expert", "--task", "pendulun"}), "pendulun", "Pendulum-v1");
  expect_refused(run_program({"evaluate", "expert"}), "--task", "Pendulum-v1");
  expect_refused(run_program({"evaluate", path("none")}), "none", "");
  expect_refused(run_program({"evaluate", "expert", "--task", "pendulum", "--episodes", "0"}), "--episodes",
                 "1 or more");
  expect_refused(run_program({"resume", path("none")}), "none", "");
  expect_refused(run_program({"record", "--task", "pendulum", "--out", "/proc/none/x.npz"}), "/proc/none", "");
  expect_refused(run_program({"inspect", data, "--drop-episode", "2"}), "--out", "clean.npz");
}

TEST_F(Program, ARunIsNotOverwrittenByAccident) {
  const std::string data = record("pendulum", 6, "demos.npz");
  const std::vector<std::string> call{"train", "bc",       "--data", data,    "--epochs",
                                      "1",     "--hidden", "8",      "--out", path("run")};
  ASSERT_EQ(run_program(call).exit_code, 0);
  const std::string policy = read_file(path("run/policy.safetensors"));
  expect_refused(run_program(call), path("run"), "--out");
  EXPECT_EQ(read_file(path("run/policy.safetensors")), policy);
  auto overwrite = call;
  overwrite.insert(overwrite.end(), {"--overwrite", "--seed", "2"});
  EXPECT_EQ(run_program(overwrite).exit_code, 0);
  EXPECT_NE(read_file(path("run/policy.safetensors")), policy);
}

TEST_F(Program, BadDataIsRefusedWithItsPlace) {
  write_file(path("nan.csv"), "episode,observation_0,action_0,reward\n1,0.5,1.5,0\n1,nan,1.5,0\n1,0.1,0.5,0\n");
  const auto train = [&](const std::string& name) {
    return run_program({"train", "bc", "--data", path(name), "--out", path("run")});
  };
  expect_refused(train("nan.csv"), "observations[1, 0] is NaN", "mynah inspect");
  const auto inspected = run_program({"inspect", path("nan.csv"), "--json"});
  EXPECT_EQ(inspected.exit_code, 0) << inspected.errors;
  EXPECT_EQ(inspected.json().at("not_finite"), 1);
  write_file(path("ragged.csv"), "episode,observation_0,action_0\n1,0.5,1\n1,0.5\n");
  expect_refused(train("ragged.csv"), "ragged.csv:3", "");
  write_file(path("empty.csv"), "episode,observation_0,action_0\n");
  expect_refused(train("empty.csv"), "empty.csv", "");
  write_file(path("ragged.jsonl"),
             "{\"episode\":0,\"observation\":[1],\"action\":[1]}\n"
             "{\"episode\":0,\"observation\":[1],\"action\":[1,2]}\n");
  expect_refused(train("ragged.jsonl"), "ragged.jsonl:2", "");
  write_file(path("torn.npz"), "PK\x03\x04 torn");
  expect_refused(train("torn.npz"), "torn.npz", "");
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "run"));
}

TEST_F(Program, AFullDiskLeavesEarlierResults) {
  const std::string data = record("pendulum", 6, "demos.npz");
  const std::string before = read_file(data);
  const auto result = run_program({"record", "--task", "pendulum", "--episodes", "20", "--out", data}, -1, 20000);
  expect_refused(result, "demos.npz", "");
  EXPECT_EQ(read_file(data), before);
  const std::vector<std::string> call{"train", "bc", "--data", data, "--epochs", "1", "--out", path("run")};
  ASSERT_EQ(run_program(call).exit_code, 0);
  const std::string policy = read_file(path("run/policy.safetensors"));
  auto exported = run_program({"export", path("run"), "--out", path("run/policy.safetensors")}, -1, 20000);
  expect_refused(exported, "policy.safetensors", "");
  EXPECT_EQ(read_file(path("run/policy.safetensors")), policy);
}

TEST_F(Program, AFixedHorizonMakesEveryEpisodeAsLongAsTheLimit) {
  const std::vector<std::string> record{"record",   "--task", "mountaincar", "--episodes",     "4",
                                        "--device", "cpu",    "--out",       path("cars.npz"), "--json"};
  EXPECT_LT(run_program(record).json().at("rows"), 800);
  std::vector<std::string> fixed = record;
  fixed.emplace_back("--fixed-horizon");
  const ProgramResult result = run_program(fixed);
  EXPECT_EQ(result.json().at("rows"), 800);
  EXPECT_EQ(result.json().at("task"), "MountainCar-v0 (fixed horizon)");
  const auto evaluated = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments{"evaluate", "expert", "--task", "acrobot", "--episodes", "9", "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments).json();
  };
  const nlohmann::json early = evaluated({}), full = evaluated({"--fixed-horizon"});
  EXPECT_EQ(full.at("return_mean"), early.at("return_mean"));
  EXPECT_EQ(full.at("normalized_mean"), early.at("normalized_mean"));
  EXPECT_EQ(full.at("task"), "Acrobot-v1 (fixed horizon)");
  const nlohmann::json cut = evaluated({"--max-steps", "20"});
  EXPECT_EQ(cut.at("return_mean"), -20.0);
  EXPECT_FALSE(cut.contains("normalized_mean"));
  expect_refused(run_program({"evaluate", "expert", "--task", "acrobot", "--max-steps", "-1"}), "--max-steps", "");
}

TEST_F(Program, TaskOptionsChooseAmongATasksRules) {
  const auto right = run_program({"evaluate", "expert", "--task", "pointmaze", "--task-option", "opening=right",
                                  "--episodes", "5", "--device", "cpu", "--json"});
  ASSERT_EQ(right.exit_code, 0) << right.errors;
  const nlohmann::json result = nlohmann::json::parse(right.output);
  EXPECT_EQ(result.at("task"), "PointMaze-v0 (opening=right)");
  EXPECT_EQ(result.at("terminated_rate"), 0.0);
  EXPECT_GT(result.at("normalized_mean"), 0.8);
  const auto grid = run_program({"evaluate", "expert", "--task", "gridworld", "--task-option", "size=3",
                                 "--task-option", "slip=0", "--episodes", "5", "--device", "cpu", "--json"});
  ASSERT_EQ(grid.exit_code, 0) << grid.errors;
  EXPECT_GE(nlohmann::json::parse(grid.output).at("return_min"), 0.97 - 1e-9);
  const auto before = run_program({"evaluate", "--task", "gridworld", "--task-option", "size=3", "expert", "--episodes",
                                   "5", "--device", "cpu", "--json"});
  EXPECT_EQ(before.exit_code, 0) << "one value is the option's, the next is not: " << before.errors;
  const auto refused = [](const char* task, const char* option) {
    return run_program({"evaluate", "expert", "--task", task, "--task-option", option});
  };
  expect_refused(refused("pointmaze", "opening"), "--task-option opening", "KEY=VALUE");
  expect_refused(refused("pointmaze", "opening=up"), "'up'", "left, right");
  expect_refused(refused("cartpole", "slip=0.1"), "CartPole-v1 has no such option", "leave it out");
}

}  // namespace
}  // namespace mynah::tests
