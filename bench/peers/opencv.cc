// OpenCV's BFMatcher on one thread. It refuses 2^18 rows and more in one matrix, so the codes are cut up, and into equal
// parts: one of fewer rows than there are answers spoils them all.
#include <opencv2/core.hpp>
#include <opencv2/features2d.hpp>

#include "peer.h"

int main(int argc, char **argv) try {
  if (argc != 4) throw std::runtime_error("usage: opencv CODES PROBES BYTES");
  const int bytes = std::stoi(argv[3]);
  std::vector<uint8_t> codes = slurp(argv[1]), probes = slurp(argv[2]);
  cv::setNumThreads(1);
  const int n = codes.size() / bytes, most = n / ((n >> 18) + 1) + 1;
  cv::BFMatcher matcher(cv::NORM_HAMMING);
  std::vector<cv::Mat> parts;
  for (int at = 0; at < n; at += most)
    parts.emplace_back(std::min(most, n - at), bytes, CV_8U, codes.data() + size_t(at) * bytes);
  matcher.add(parts);
  matcher.train();

  std::map<std::string, Engine> engines;
  engines["bf"] = [&](const uint8_t *p, int count) {
    std::vector<std::vector<cv::DMatch>> found;
    matcher.knnMatch(cv::Mat(count, bytes, CV_8U, const_cast<uint8_t *>(p)), found, kNearest);
    std::vector<int64_t> out;
    for (const auto &f : found) out.push_back(int64_t(f.at(0).imgIdx) * most + f.at(0).trainIdx);
    return out;
  };
  return serve(engines, probes, bytes);
} catch (const std::exception &e) {
  std::cerr << "opencv: " << e.what() << std::endl;
  return 1;
}
