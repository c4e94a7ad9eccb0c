// Stands in for the header of this name; see forward.h.
#pragma once
#include "forward.h"
