#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "engine/demonstrations.h"
#include "engine/npz.h"

namespace mynah {

// The readers behind load_demonstrations(), one for each format (described there), on bytes in memory. `name` stands
// for the file in messages and becomes Demonstrations::source. The result has passed validate_structure(), and
// validate() if the options ask for finite values.

Demonstrations parse_demonstrations_npz(std::span<const std::byte> bytes, const std::string& name,
                                        const LoadOptions& options = {});
Demonstrations parse_demonstrations_npz(NpzReader& reader, const LoadOptions& options = {});

/// CSV after RFC 4180, the first line a header; also with LF line ends, a UTF-8 byte-order mark and blank lines.
///
///   episode                              any value; consecutive rows with the same value are an episode
///   observation_NAME, obs_NAME, oNUMBER  an observation column; their order in the file is their order in the vector
///   action, action_NAME, act_NAME, aNUMBER
///   next_observation_NAME, next_obs_NAME as many as observations, or none
///   reward | terminal, terminated, done | timeout, truncated     optional
///
/// Other columns are left alone. Errors name file:line:field.
Demonstrations parse_demonstrations_csv(std::string_view text, const std::string& name,
                                        const LoadOptions& options = {});

/// JSON Lines; null, and the words NaN, Infinity and -Infinity that Python writes, count as numbers. Unknown keys are
/// left alone. An episode per line may have one observation more than actions: the last one is then the final next one.
Demonstrations parse_demonstrations_jsonl(std::string_view text, const std::string& name,
                                          const LoadOptions& options = {});

/// Common end of the text readers, whose actions arrive as numbers: makes labels of the only action column where the
/// options or the values say so (LoadOptions::Actions). place_of_row begins the message about a value that is no class.
void settle_actions(Demonstrations& demonstrations, LoadOptions::Actions wanted,
                    const std::function<std::string(Index row)>& place_of_row);

/// Common end of all readers: validate() or validate_structure(), as the options ask.
void validate_as_asked(const Demonstrations& demonstrations, const LoadOptions& options);

}  // namespace mynah
