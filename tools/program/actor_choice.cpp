#include "tools/program/actor_choice.h"

#include "algorithms/experts.h"
#include "algorithms/policy_actor.h"
#include "algorithms/policy_export.h"
#include "engine/device.h"
#include "kernels/error.h"

namespace mynah::program {
namespace {

std::string known_tasks() {
  std::string text;
  for (const std::string& name : task_names()) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace

ActorChoice::ActorChoice(const std::string& who, const std::string& task_name, const std::string& device,
                         std::uint64_t seed, bool sampled) {
  const bool built_in = who == "expert" || who == "random";
  if (sampled && built_in) {
    throw input_error("--sampled", "there is nothing to draw from: " + who + " is built in", "name a policy");
  }
  if (!built_in) {
    ensemble = std::make_unique<Ensemble>(Ensemble::load(who, choose_device(device)));
  } else {
    own_stream = std::make_unique<Stream>(choose_device(device));
  }
  const std::string name = task_name.empty() && ensemble ? ensemble->description().task : task_name;
  if (name.empty()) throw input_error("--task", "is missing", "name one of: " + known_tasks());
  task = make_task(name);
  if (who == "expert") {
    actor = make_expert(*task);
  } else if (who == "random") {
    actor = make_random_policy(*task, seed);
  } else if (sampled && ensemble->size() > 1) {
    throw input_error("--sampled", who + " is a population, which acts as one by the mean of its members",
                      "name one of them: " + who + "/members/000.safetensors");
  } else if (ensemble->size() > 1) {
    actor = std::make_unique<EnsembleActor>(*ensemble, *task);
  } else {
    actor = std::make_unique<PolicyActor>(ensemble->member(0), *task, PolicyActor::Options{sampled, seed});
  }
}

}  // namespace mynah::program
