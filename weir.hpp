#pragma once

#include <weir/actors/pipeline.hpp>
#include <weir/actors/running_pipeline.hpp>
#include <weir/actors/runtime.hpp>
#include <weir/supervision/dead_letter_memory.hpp>
