#include <weir/dead_letters/dead_letter_queue.hpp>

#include <algorithm>
#include <utility>

namespace weir {

result<std::uint64_t> for_each_letter(dead_letter_queue& queue, const dead_letter_filter& filter,
                                      const std::function<result<void>(const dead_letter&)>& show) {
  constexpr std::uint64_t page_letters = 100;
  const auto most = filter.limit > 0 ? filter.limit : UINT64_MAX;
  std::uint64_t shown = 0;
  dead_letter_cursor after;
  while (shown < most) {
    auto page = queue.select(filter, std::min(page_letters, most - shown), after);
    if (!page)
      return std::move(page.error());
    if (page->empty())
      break;
    for (const auto& one : *page) {
      if (auto done = show(one); !done)
        return std::move(done.error());
      ++shown;
    }
    after = {page->back().key, page->back().id};
  }
  return shown;
}

} // namespace weir
