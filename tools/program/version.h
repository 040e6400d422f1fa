#pragma once

#ifndef MYNAH_VERSION
#error "MYNAH_VERSION is the project's version, set by the build"
#endif
