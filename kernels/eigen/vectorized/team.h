#pragma once

#include "kernels/eigen/vectorized/operations.h"
#include "kernels/eigen/vectorized/vector.h"

/// How members of a team divide what they do together.
namespace mynah::kernels::eigen::vectorized {
namespace {

struct Part {
  Size begin, end;
};

/// This member's part of 0 ... count - 1.
MYNAH_INLINE Part part_of(Size count, const Team& team) {
  return {count * team.member / team.members, count * (team.member + 1) / team.members};
}

/// The same in multiples of `unit`, but for the last.
MYNAH_INLINE Part part_of(Size count, Size unit, const Team& team) {
  const Part units = part_of(divided_up(count, unit), team);
  return {smaller(units.begin * unit, count), smaller(units.end * unit, count)};
}

MYNAH_INLINE void meet(const Team& team) {
  if (team.members > 1) team.meet(team.place);
}

}  // namespace
}  // namespace mynah::kernels::eigen::vectorized
