// The files of the simulated plugin, to each other.
#pragma once

#include "dinov3_plugin.h"

const dinov3_c10d_1 *simulated_c10d();
const dinov3_device_1 *simulated_device();
const dinov3_doctor_1 *simulated_doctor();
