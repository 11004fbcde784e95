// Types of ours as the vendor has them, so that prototypes can be compared as they stand: each named type is mapped to the
// vendor's of the same name (by a specialisation that declarations.ts writes), and what is built of them follows.
#pragma once

#include <type_traits>

template <typename Type>
struct Vendors {
  using type = Type;
};
template <typename Type>
struct Vendors<Type*> {
  using type = typename Vendors<Type>::type*;
};
template <typename Type>
struct Vendors<const Type> {
  using type = const typename Vendors<Type>::type;
};
template <typename Result, typename... Arguments>
struct Vendors<Result(Arguments...)> {
  using type = typename Vendors<Result>::type(typename Vendors<Arguments>::type...);
};

// The function behind a member of a table.
#define OURS(table, name) std::remove_pointer_t<decltype(cugru::cuda::table::name)>
