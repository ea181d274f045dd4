#pragma once

/// For tests of pipelines, ours and yours: virtual time, probes, seeds. No sleeps.
#include <weir/actors/runtime_virtual.hpp>
#include <weir/testkit/collected.hpp>
#include <weir/testkit/counted.hpp>
#include <weir/testkit/node.hpp>
#include <weir/testkit/seeded.hpp>
#include <weir/testkit/sink_probe.hpp>
#include <weir/testkit/source_probe.hpp>
#include <weir/testkit/stage.hpp>
