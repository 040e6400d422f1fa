#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "algorithms/comparison.h"
#include "algorithms/policy_export.h"
#include "algorithms/rollout.h"
#include "engine/nearest_name.h"
#include "kernels/error.h"
#include "tools/program/actor_choice.h"
#include "tools/program/command.h"

namespace mynah::program {
namespace {

struct Request {
  std::vector<std::string> runs;
  std::string baseline;
  TaskRequest task;
  std::string device = "auto";
  RolloutOptions rollout;
  ComparisonOptions comparison;
  bool json = false;
};

bool is_built_in(const std::string& name) {
  return name == "expert" || name == "random";
}

std::vector<std::string> parts_of(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  for (std::size_t end = 0; end != std::string::npos; begin = end + 1) {
    end = text.find(separator, begin);
    parts.push_back(text.substr(begin, end == std::string::npos ? end : end - begin));
  }
  return parts;
}

Resample parse_resample(const std::string& text) {
  if (text == "auto") return Resample::automatic;
  if (text == "seeds") return Resample::seeds;
  if (text == "episodes") return Resample::episodes;
  throw input_error("--resample " + text, "is nothing that can be drawn", "give auto, seeds or episodes");
}

/// A policy that counts as several seeds would make intervals too short.
void refuse_equal_seeds(const ComparedRun& run) {
  for (std::size_t s = 1; s < run.seeds.size(); ++s) {
    if (std::find(run.seeds.begin(), run.seeds.begin() + static_cast<Index>(s), run.seeds[s]) ==
        run.seeds.begin() + static_cast<Index>(s)) {
      continue;
    }
    throw input_error("'" + run.name + "'", "names " + run.seeds[s] + " twice", "name each policy once");
  }
}

/// "RUN" or "NAME=PATH,PATH,...", without returns yet: a population's members are seeds of it.
ComparedRun parse_run(const std::string& text) {
  const std::size_t equals = text.find('=');
  // A path that is there is a path, whatever its name.
  const bool named = equals != std::string::npos && !std::filesystem::exists(text);
  ComparedRun run;
  run.name = named ? text.substr(0, equals) : text;
  if (run.name.empty()) throw input_error("'" + text + "'", "the name before '=' is empty", "write NAME=RUN,RUN,...");
  for (const std::string& path : named ? parts_of(text.substr(equals + 1), ',') : std::vector<std::string>{text}) {
    if (path.empty()) throw input_error("'" + text + "'", "names an empty path", "write NAME=RUN,RUN,...");
    if (is_built_in(path)) {
      run.seeds.push_back(path);
      continue;
    }
    for (const std::filesystem::path& file : find_members(path)) run.seeds.push_back(file.string());
  }
  refuse_equal_seeds(run);
  return run;
}

/// The run that --baseline means: one of `runs`, else one more of them.
std::size_t find_baseline(std::vector<ComparedRun>& runs, const Request& request) {
  std::vector<std::string> names;
  for (std::size_t r = 0; r < runs.size(); ++r) {
    if (request.baseline == runs[r].name || request.baseline == request.runs[r]) return r;
    names.push_back(runs[r].name);
  }
  if (!is_built_in(request.baseline) && request.baseline.find('=') == std::string::npos &&
      !std::filesystem::exists(request.baseline)) {
    const std::string nearest = nearest_name(request.baseline, names);
    throw input_error("--baseline " + request.baseline, "is none of the runs, and no run folder or policy file",
                      nearest.empty() ? "name a run as it stands on the command line, or expert or random"
                                      : "did you mean '" + nearest + "'?");
  }
  runs.push_back(parse_run(request.baseline));
  return runs.size() - 1;
}

void refuse_equal_names(const std::vector<ComparedRun>& runs) {
  for (std::size_t r = 1; r < runs.size(); ++r) {
    for (std::size_t other = 0; other < r; ++other) {
      if (runs[r].name == runs[other].name) {
        throw input_error("'" + runs[r].name + "'", "is the name of two runs", "give them names: NAME=RUN");
      }
    }
  }
}

/// --task, or the one task that all policies were trained for.
std::string task_of(const std::vector<ComparedRun>& runs, const Request& request) {
  if (!request.task.name.empty()) return request.task.name;
  std::string task, first;
  for (const ComparedRun& run : runs) {
    for (const std::string& policy : run.seeds) {
      if (is_built_in(policy)) continue;
      const std::string own = Policy::load(policy).description().task;
      if (own.empty()) continue;
      if (!task.empty() && own != task) {
        throw input_error(policy, fmt::format("was trained for {}, and {} for {}", own, first, task),
                          "compare policies of one task, or name it with --task");
      }
      if (task.empty()) first = policy;
      task = own;
    }
  }
  return task;
}

/// Seed s of a run takes episodes s N ... s N + N - 1, so that seeds do not share their start states. Runs do, which
/// makes intervals of improvement rather too long than too short.
void run_seeds(ComparedRun& run, const TaskRequest& task, const Request& request) {
  RolloutOptions options = request.rollout;
  for (const std::string& policy : run.seeds) {
    ActorChoice choice(policy, task, request.device, options.seed);
    run.returns.push_back(run_episodes(choice.stream(), *choice.task, *choice.actor, options).returns);
    options.first_episode += options.episodes;
  }
}

void run(const Request& request) {
  request.rollout.validate();
  std::vector<ComparedRun> runs;
  for (const std::string& text : request.runs) runs.push_back(parse_run(text));
  const std::size_t baseline = find_baseline(runs, request);
  refuse_equal_names(runs);
  if (runs.size() < 2) {
    throw input_error("--baseline " + request.baseline, "is the only run: there is nothing to compare",
                      "name another run");
  }
  TaskRequest task = request.task;
  task.name = task_of(runs, request);
  for (const ComparedRun& one : runs) {  // before episodes are run
    static_cast<void>(resample_of(one.name, one.seeds.size(), request.rollout.episodes, request.comparison.resample));
  }
  for (ComparedRun& one : runs) run_seeds(one, task, request);
  const ComparisonResult result =
      compare(make_task(task.name, task.rules.options(task.model))->description(), runs, baseline, request.comparison);
  if (request.json) return print_json(to_json(result));
  fmt::print("{}", comparison_table(result));
}

}  // namespace

void add_compare(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "compare",
      "Compare runs in one task: mean and interquartile mean of the returns, also between the random policy (0) and\n"
      "the expert (1), optimality gap, and how probably a run's episode is better than one of the baseline, each with\n"
      "a 95 % bootstrap interval; per run and per seed.");
  const auto request = std::make_shared<Request>();
  command
      ->add_option(
          "run", request->runs,
          "Run folder, policy file, expert or random; or NAME=RUN,RUN,...: seeds of one algorithm. The members of\n"
          "a population's folder are its seeds")
      ->required();
  command->add_option("--baseline", request->baseline, "One of the runs, by name or path, or a further one")
      ->required();
  add_task_options(*command, request->task);
  command->add_option("--episodes", request->rollout.episodes, "Episodes of every seed")->capture_default_str();
  add_seed_option(*command, request->rollout.seed, "Of start states and resamples");
  command
      ->add_option_function<std::string>(
          "--resample", [request](const std::string& text) { request->comparison.resample = parse_resample(text); },
          "What intervals are about: other seeds (seeds), or these very policies in other episodes (episodes).\n"
          "auto: seeds where a run has 5 or more")
      ->default_str("auto");
  command->add_option("--device", request->device, "cpu, cuda, cuda:N or auto")->capture_default_str();
  add_json_flag(*command, request->json);
  command->callback([request] {
    request->comparison.seed = request->rollout.seed;
    run(*request);
  });
}

}  // namespace mynah::program
