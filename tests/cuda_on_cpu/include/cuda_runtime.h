#pragma once

// Stands in for CUDA's header of this name when kernels are compiled for a CPU (see ../README.md).

#include "cuda_on_cpu/keywords.h"

#include "cuda_on_cpu/atomics.h"
#include "cuda_on_cpu/intrinsics.h"
#include "cuda_on_cpu/launch.h"
#include "cuda_on_cpu/synchronisation.h"
#include "cuda_runtime_api.h"
#include "device_launch_parameters.h"
#include "driver_types.h"
#include "vector_functions.h"
#include "vector_types.h"
