#pragma once

/// Marks a function that the host and a kernel both call, so that there is one text of it.
#if defined(__CUDACC__)
#define MYNAH_HOST_DEVICE __host__ __device__
#else
#define MYNAH_HOST_DEVICE
#endif
