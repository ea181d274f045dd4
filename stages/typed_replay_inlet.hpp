#pragma once

#include <weir/dead_letters/replay_inlet.hpp>
#include <weir/stages/outlet.hpp>
#include <weir/stages/payload.hpp>

#include <functional>
#include <memory>
#include <string>
#include <typeinfo>
#include <utility>

namespace weir::internal {

/// What a payload of this type is made of again: an item of the stage, or, for a stage that takes batches, one of
/// its rows, which then is a batch of its own.
template <class T>
class typed_replay_inlet final : public replay_inlet {
public:
  using replay_inlet::replay_inlet;

  result<bool> put(const dead_letter& letter, bool check_type, const admit& admitted) override {
    auto item = read(letter, check_type);
    if (!item)
      return std::move(item.error());
    std::size_t worker = 0;
    if (where_.how == spread::by_key) {
      try {
        worker = choose_by_key(
            (*std::static_pointer_cast<const typename outlet<T>::key_function>(where_.key))(*item));
      } catch (...) {
        return describe_current_exception().within("its key can't be told");
      }
    } else {
      worker = choose_by_letter(letter);
    }
    auto& to = *static_cast<ring<T>*>(where_.rings[worker].get());
    if (to.credit(1) == 0)
      return false;
    const auto index = to.write_index();
    std::construct_at(to.value(index), std::move(*item));
    to.from(index) = admitted();
    to.publish(1);
    return true;
  }

private:
  static result<T> read(const dead_letter& letter, bool check_type) {
    try {
      return read_as(letter, check_type, static_cast<T*>(nullptr));
    } catch (...) {
      return describe_current_exception().within("its payload can't be read");
    }
  }
  template <class Item>
  static result<Item> read_as(const dead_letter& letter, bool check_type, Item*) {
    if (check_type && letter.payload_type != type_name(typeid(Item)))
      return wrong_type(letter, type_name(typeid(Item)));
    return from_payload<Item>(letter.payload);
  }
  template <class Row>
  static result<batch<Row>> read_as(const dead_letter& letter, bool check_type, batch<Row>*) {
    const bool is_row = letter.payload_type == type_name(typeid(Row));
    if (!is_row && (!check_type || letter.payload_type == type_name(typeid(batch<Row>))))
      return from_payload<batch<Row>>(letter.payload);
    if (!is_row)
      return wrong_type(letter, type_name(typeid(batch<Row>)) + " or " + type_name(typeid(Row)));
    auto row = from_payload<Row>(letter.payload);
    if (!row)
      return std::move(row.error());
    batch<Row> one;
    one.items.push_back(std::move(*row));
    return one;
  }
};

/// How to make the replay's parts of a stage; empty where its items can't be read from a payload.
struct replay_parts {
  std::function<std::shared_ptr<ring_base>()> ring;
  std::function<std::unique_ptr<replay_inlet>(replay_ports)> inlet;
};

template <class T>
replay_parts make_replay_parts() {
  if constexpr (payload_readable<T>)
    return {[] { return std::make_shared<ring<T>>(replay_inlet::capacity); },
            [](replay_ports where) {
              return std::make_unique<typed_replay_inlet<T>>(std::move(where));
            }};
  else
    return {};
}

} // namespace weir::internal
