#include <weir/supervision/failure.hpp>
#include <weir/weir.hpp>

#include <cstdio>

int main() { std::puts(weir::poison("an outsider can use weir").message().c_str()); }
