// The one place that includes napi.h.
#pragma once

// A worker that is being terminated takes no exceptions any more; one that cannot be thrown must not end the process.
#define NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS
#include <napi.h>
