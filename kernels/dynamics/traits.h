#pragma once

#include <type_traits>

#include "kernels/dynamics/outcome.h"
#include "kernels/dynamics/random_words.h"
#include "kernels/view.h"

namespace mynah::dynamics {

/// What kernels/dynamics/NAME.h states of a task, once, for every device. `Dynamics` is a small copyable value: rules
/// without parameters have no members; others carry them (a wall's position, a table in device memory).
///
///   static constexpr Index state_size, observation_size;
///   using Action = float;                        // continuous: action_size columns, bounds action_low and action_high
///   using Action = std::int32_t;                 // discrete: one of 0 ... action_count - 1
///   static constexpr std::int32_t max_steps;     // the limit that the task has by default
///   void reset(RandomWords& words, double* state) const;
///   StepOutcome step(double* state, const Action* action) const;
///   StepOutcome step(double* state, const Action* action, RandomWords& words) const;     // instead, if steps are
///   random void observe(const double* state, float* observation) const; void expert(const float* observation, Action*
///   action) const;                         // if there is a built-in one
///
/// All are MYNAH_HOST_DEVICE. What a task shows to people (name, names of columns, returns of reference) stands there
/// too: algorithms/tasks/dynamics_task.h.

template <class Dynamics>
inline constexpr bool is_discrete = !std::is_same_v<typename Dynamics::Action, float>;

/// Actions of a batch: labels [rows], or values [rows, action_size].
template <class Dynamics>
using ConstActionsOf = std::conditional_t<is_discrete<Dynamics>, VectorView<const std::int32_t>, ConstMatrix>;
template <class Dynamics>
using ActionsOf = std::conditional_t<is_discrete<Dynamics>, VectorView<std::int32_t>, Matrix>;

/// Columns of ConstActionsOf.
template <class Dynamics>
constexpr Index action_columns() {
  if constexpr (is_discrete<Dynamics>) {
    return 1;
  } else {
    return Dynamics::action_size;
  }
}

template <class Dynamics>
inline constexpr bool has_expert = requires(const Dynamics& dynamics, const float* observation,
                                            typename Dynamics::Action* action) {
  dynamics.expert(observation, action);
};

/// Whether steps draw random numbers.
template <class Dynamics>
inline constexpr bool has_random_steps = requires(const Dynamics& dynamics, double* state,
                                                  const typename Dynamics::Action* action, RandomWords& words) {
  dynamics.step(state, action, words);
};

/// Columns of a state in memory: an episode whose steps are random keeps two words behind its own variables, drawn when
/// it starts, that are the key of its steps' numbers. So those depend on the episode and the step alone.
template <class Dynamics>
inline constexpr Index stored_state_size = Dynamics::state_size + (has_random_steps<Dynamics> ? 2 : 0);

}  // namespace mynah::dynamics
