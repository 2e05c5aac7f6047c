// What the programs here have in common: they read codes and probes, then answer one line for each line
// "ENGINE FIRST COUNT" on standard input with the CPU seconds of that search and the nearest code of each probe.
#pragma once
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

constexpr int kNearest = 10;

inline std::vector<uint8_t> slurp(const char *name) {
  std::ifstream f(name, std::ios::binary | std::ios::ate);
  if (!f) throw std::runtime_error(std::string("cannot read ") + name);
  std::vector<uint8_t> v(f.tellg());
  f.seekg(0);
  f.read(reinterpret_cast<char *>(v.data()), v.size());
  return v;
}

inline double cpuSeconds() {
  timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return t.tv_sec + 1e-9 * t.tv_nsec;
}

// An engine searches for count probes and returns the nearest code of each.
using Engine = std::function<std::vector<int64_t>(const uint8_t *probes, int count)>;

inline int serve(const std::map<std::string, Engine> &engines, const std::vector<uint8_t> &probes, int bytes) {
  std::cout << "ready" << std::endl;
  std::string name;
  int first, count;
  while (std::cin >> name >> first >> count) {
    const double begin = cpuSeconds();
    const std::vector<int64_t> nearest = engines.at(name)(probes.data() + size_t(first) * bytes, count);
    std::cout << cpuSeconds() - begin;
    for (int64_t id : nearest) std::cout << ' ' << id;
    std::cout << std::endl;
  }
  return 0;
}
