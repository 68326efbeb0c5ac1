// SPDX-License-Identifier: Apache-2.0
//
// The plans of a sweep as CSV, and the ratios of memory between the derivations as a picture: each
// curve is sorted, so the horizontal axis is the part of the configurations with no larger ratio.

/// The arenas that a sweep found.
package struct SweepReport: Sendable {
  /// The varied dimensions.
  package let dimensions: [String]
  package let points: [SweepPoint]
  /// For each point, bytes in the order of `SweepDerivation.allCases`.
  package let arenaBytes: [[Int]]
  /// What the user should know of the specs.
  package let warningText: String

  /// How many times the memory of the mixed derivation another one needs, for each point.
  package func ratios(of derivation: SweepDerivation) -> [Double] {
    arenaBytes.map { bytes in
      Double(bytes[derivation.rawValue]) / Double(max(bytes[SweepDerivation.mixed.rawValue], 1))
    }
  }

  private static let compared: [SweepDerivation] = [.standardWithoutRematerialization, .standard]

  // MARK: Text

  /// A line of titles and a line for each configuration.
  package var csv: String {
    let titles =
      ["spec", "preset"] + dimensions + SweepDerivation.allCases.map { "\($0.title)_bytes" }
      + Self.compared.map { "\($0.title)_to_mixed" }
    let ratios = Self.compared.map(ratios)
    let rows = points.indices.map { index in
      [Self.stem(points[index].spec), points[index].preset ?? ""]
        + points[index].sizes.map(String.init) + arenaBytes[index].map(String.init)
        + ratios.map { shortNumber($0[index]) }
    }
    return ([titles] + rows).map { $0.joined(separator: ",") + "\n" }.joined()
  }

  /// The number of configurations and the least, median and greatest ratio of each derivation.
  package var summary: String {
    let lines = Self.compared.map { derivation in
      let sorted = ratios(of: derivation).sorted()
      guard let least = sorted.first, let greatest = sorted.last else { return "" }
      let median = sorted[sorted.count / 2]
      return "\(derivation.title) : mixed_block  least \(shortNumber(least, digits: 3)), "
        + "median \(shortNumber(median, digits: 3)), greatest \(shortNumber(greatest, digits: 3))"
    }
    return (["\(points.count) configurations"] + lines).joined(separator: "\n") + "\n"
  }

  /// `chinchilla_maml` for `Examples/chinchilla_maml.mix`.
  private static func stem(_ path: String) -> String {
    let file = path.split(separator: "/").last ?? ""
    return String(file.split(separator: ".").first ?? file)
  }

  // MARK: Picture

  private static let colors = ["#e8a33d", "#1f5fa8"]

  /// Sorted ratios, one curve for each derivation that is compared with the mixed one.
  package var svg: String {
    var canvas = SVGCanvas(width: 720, height: 400)
    canvas.text(
      "planned memory of the standard derivation, in units of the mixed one", x: 360, y: 24,
      size: 15, anchor: .middle)
    let frame = SVGCanvas.Frame(left: 70, top: 62, width: 630, height: 280)
    let curves = Self.compared.map { ratios(of: $0).sorted() }
    let all = curves.flatMap { $0 }
    let horizontal = PlotAxis(low: 0, high: Double(max(points.count, 1)))
    let vertical = PlotAxis(
      from: min(1, all.min() ?? 1), to: max(all.max() ?? 2, 1.1), mayBeLogarithmic: true)
    canvas.axes(
      horizontal: horizontal, vertical: vertical, in: frame,
      xLabel: "configurations, sorted for each curve", yLabel: "standard : mixed")
    for (curve, color) in zip(curves, Self.colors) {
      canvas.line(
        curve.enumerated().map { index, ratio in
          frame.point(horizontal.position(Double(index) + 0.5), vertical.position(ratio))
        }, stroke: color)
    }
    canvas.legend(
      zip(["standard, no remat", "standard, block remat"], Self.colors).map { ($0, $1) }, x: 70,
      y: 52)
    return canvas.svg
  }
}
