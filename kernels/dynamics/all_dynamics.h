#pragma once

#include "kernels/dynamics/acrobot.h"
#include "kernels/dynamics/cartpole.h"
#include "kernels/dynamics/mountain_car.h"
#include "kernels/dynamics/mountain_car_continuous.h"
#include "kernels/dynamics/pendulum.h"

/// Every task whose dynamics stand in this folder, in the order in which they are listed. The operations of
/// kernels/episode.h, their twins, the tasks of algorithms/tasks and the tests follow from this list: a task is added
/// by its header and a line here.
#define MYNAH_FOR_ALL_DYNAMICS(F) \
  F(CartPole)                     \
  F(Pendulum)                     \
  F(MountainCar)                  \
  F(MountainCarContinuous)        \
  F(Acrobot)
