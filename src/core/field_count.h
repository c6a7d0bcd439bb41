// How many members an aggregate has, so that a table of them can be checked for completeness when it is compiled.
#pragma once

#include <cstddef>
#include <utility>

namespace deltascape {
namespace field_count_detail {

struct Anything {
  template <class T>
  constexpr operator T() const;
};
template <class T, std::size_t... I>
constexpr bool takes(std::index_sequence<I...>) {
  return requires { T{(static_cast<void>(I), Anything{})...}; };
}

}  // namespace field_count_detail

// Of an aggregate without base classes and arrays.
template <class T, std::size_t N = 0>
constexpr std::size_t field_count() {
  if constexpr (field_count_detail::takes<T>(std::make_index_sequence<N + 1>())) return field_count<T, N + 1>();
  else return N;
}

}  // namespace deltascape
