#include <weir/actors/actor.hpp>

#include <utility>

namespace weir {

actor::actor(std::string name) : name_{std::move(name)} {}
actor::~actor() = default;

} // namespace weir
