// The handles of one kind that are alive: a wrong one is answered, not followed.
#pragma once

#include <map>
#include <memory>

namespace simulated {

template <typename T>
class Registry {
 public:
  // Handle is the vendor's opaque pointer type.
  template <typename Handle>
  Handle add(std::shared_ptr<T> item) {
    T* const key = item.get();
    items_[key] = std::move(item);
    return reinterpret_cast<Handle>(key);
  }

  template <typename Handle>
  std::shared_ptr<T> find(Handle handle) const {
    const auto found = items_.find(reinterpret_cast<T*>(handle));
    return found != items_.end() ? found->second : nullptr;
  }

  template <typename Handle>
  bool remove(Handle handle) {
    return items_.erase(reinterpret_cast<T*>(handle)) > 0;
  }

  template <typename Predicate>
  void removeIf(Predicate predicate) {
    for (auto item = items_.begin(); item != items_.end();) {
      item = predicate(*item->second) ? items_.erase(item) : std::next(item);
    }
  }

  const std::map<T*, std::shared_ptr<T>>& all() const { return items_; }

 private:
  std::map<T*, std::shared_ptr<T>> items_;
};

}  // namespace simulated
