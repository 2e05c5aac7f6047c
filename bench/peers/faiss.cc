// FAISS on one thread: IndexBinaryFlat, and IndexBinaryIVF at three widths of its search.
#include <faiss/IndexBinaryFlat.h>
#include <faiss/IndexBinaryIVF.h>
#include <omp.h>

#include "peer.h"

int main(int argc, char **argv) try {
  if (argc != 4) throw std::runtime_error("usage: faiss CODES PROBES BYTES");
  const int bytes = std::stoi(argv[3]);
  const std::vector<uint8_t> codes = slurp(argv[1]), probes = slurp(argv[2]);
  const faiss::IndexBinary::idx_t n = codes.size() / bytes;
  faiss::IndexBinaryFlat flat(8 * bytes), quantizer(8 * bytes);
  faiss::IndexBinaryIVF ivf(&quantizer, 8 * bytes, 512);
  flat.add(n, codes.data());
  ivf.cp.max_points_per_centroid = 40;
  ivf.train(n, codes.data());
  ivf.add(n, codes.data());
  omp_set_num_threads(1);

  auto search = [](const faiss::IndexBinary &index, const uint8_t *p, int count) {
    std::vector<int32_t> distances(size_t(count) * kNearest);
    std::vector<faiss::IndexBinary::idx_t> labels(distances.size());
    index.search(count, p, kNearest, distances.data(), labels.data());
    std::vector<int64_t> out;
    for (int i = 0; i < count; i++) out.push_back(labels[size_t(i) * kNearest]);
    return out;
  };
  std::map<std::string, Engine> engines;
  engines["flat"] = [&](const uint8_t *p, int count) { return search(flat, p, count); };
  for (int width : {4, 16, 64})
    engines["ivf" + std::to_string(width)] = [&, width](const uint8_t *p, int count) {
      ivf.nprobe = width;
      return search(ivf, p, count);
    };
  return serve(engines, probes, bytes);
} catch (const std::exception &e) {
  std::cerr << "faiss: " << e.what() << std::endl;
  return 1;
}
