#include "algorithms/last_actions.h"

#include <algorithm>

namespace mynah {

Demonstrations with_last_actions(const Demonstrations& demonstrations, Index action_size) {
  Demonstrations result = demonstrations;
  const Index columns = demonstrations.observation_size, wide = columns + action_size;
  result.observation_size = wide;
  result.observation_names.clear();
  result.next_observations.clear();
  result.observations.assign(static_cast<std::size_t>(demonstrations.rows() * wide), 0.0f);
  for (Index episode = 0; episode < demonstrations.episodes(); ++episode) {
    const RowRange rows = demonstrations.episode(episode);
    for (Index row = rows.begin; row < rows.end; ++row) {
      float* const seen = result.observations.data() + row * wide;
      std::copy_n(demonstrations.observations.data() + row * columns, columns, seen);
      if (row == rows.begin) continue;
      if (demonstrations.discrete) {
        seen[columns + demonstrations.labels[static_cast<std::size_t>(row - 1)]] = 1.0f;
      } else {
        std::copy_n(demonstrations.actions.data() + (row - 1) * action_size, action_size, seen + columns);
      }
    }
  }
  return result;
}

}  // namespace mynah
