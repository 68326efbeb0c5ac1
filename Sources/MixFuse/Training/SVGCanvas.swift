// SPDX-License-Identifier: Apache-2.0
//
// A little of SVG: text, lines, areas, and the axes of a plot. Coordinates are in pixels, y downwards.

/// A picture under construction.
struct SVGCanvas {
  /// A place in pixels.
  struct Point {
    var x: Double, y: Double
  }

  /// The rectangle that the curves of a plot lie in.
  struct Frame {
    var left: Double, top: Double, width: Double, height: Double

    /// The place at two fractions of the frame, counted from its lower left corner.
    func point(_ x: Double, _ y: Double) -> Point {
      Point(x: left + x * width, y: top + (1 - y) * height)
    }
  }

  /// How text lies to its place.
  enum Anchor: String {
    case start, middle, end
  }

  let width: Double, height: Double
  private var elements: [String] = []

  init(width: Double, height: Double) {
    self.width = width
    self.height = height
  }

  /// The whole file.
  var svg: String {
    let size = "width=\"\(number(width))\" height=\"\(number(height))\""
    let box = "viewBox=\"0 0 \(number(width)) \(number(height))\""
    let head =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" \(size) \(box) font-family=\"sans-serif\">"
    let ground = "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>"
    return ([head, ground] + elements + ["</svg>"]).map { $0 + "\n" }.joined()
  }

  /// Writes text whose baseline passes through a place.
  ///
  /// - Parameter isVertical: whether it reads upwards.
  mutating func text(
    _ text: String, x: Double, y: Double, size: Double = 11, anchor: Anchor = .start,
    isVertical: Bool = false
  ) {
    let escaped = text.replacing("&", with: "&amp;").replacing("<", with: "&lt;")
    let turn = isVertical ? " transform=\"rotate(-90 \(number(x)) \(number(y)))\"" : ""
    elements.append(
      "<text x=\"\(number(x))\" y=\"\(number(y))\" font-size=\"\(number(size))\" fill=\"#333\" "
        + "text-anchor=\"\(anchor.rawValue)\"\(turn)>\(escaped)</text>")
  }

  /// Draws a curve.
  mutating func line(_ points: [Point], stroke: String = "#1f5fa8") {
    elements.append(
      "<polyline points=\"\(list(points))\" fill=\"none\" stroke=\"\(stroke)\" "
        + "stroke-width=\"1.5\" stroke-linejoin=\"round\"/>")
  }

  /// Fills a polygon, lightly unless told otherwise.
  mutating func area(_ points: [Point], fill: String = "#c3d9f0") {
    elements.append("<polygon points=\"\(list(points))\" fill=\"\(fill)\"/>")
  }

  /// Fills a rectangle between two opposite corners.
  mutating func bar(_ a: Point, _ b: Point, fill: String) {
    elements.append(
      "<rect x=\"\(number(min(a.x, b.x)))\" y=\"\(number(min(a.y, b.y)))\" "
        + "width=\"\(number(abs(a.x - b.x)))\" height=\"\(number(abs(a.y - b.y)))\" "
        + "fill=\"\(fill)\"/>")
  }

  /// Writes what colours mean, in a row that begins at a place.
  mutating func legend(_ entries: [(text: String, color: String)], x: Double, y: Double) {
    var x = x
    for (text, color) in entries {
      bar(Point(x: x, y: y - 9), Point(x: x + 10, y: y + 1), fill: color)
      self.text(text, x: x + 15, y: y)
      x += 33 + 6.2 * Double(text.count)
    }
  }

  /// Draws the frame of a plot with grid lines, numbers at the ticks, and names of the axes; without
  /// a horizontal axis, only those of the vertical one.
  mutating func axes(
    horizontal: PlotAxis?, vertical: PlotAxis, in frame: Frame, xLabel: String, yLabel: String
  ) {
    let bottom = frame.top + frame.height
    if let horizontal {
      for tick in horizontal.ticks {
        let x = frame.point(horizontal.position(tick), 0).x
        segment(x, frame.top, x, bottom)
        text(shortNumber(tick), x: x, y: bottom + 15, anchor: .middle)
      }
    }
    for tick in vertical.ticks {
      let y = frame.point(0, vertical.position(tick)).y
      segment(frame.left, y, frame.left + frame.width, y)
      text(shortNumber(tick), x: frame.left - 6, y: y + 4, anchor: .end)
    }
    elements.append(
      "<rect x=\"\(number(frame.left))\" y=\"\(number(frame.top))\" "
        + "width=\"\(number(frame.width))\" height=\"\(number(frame.height))\" "
        + "fill=\"none\" stroke=\"#888\"/>")
    text(
      xLabel, x: frame.left + frame.width / 2, y: bottom + 31, size: 12, anchor: .middle)
    let scale = vertical.isLogarithmic ? " (logarithmic)" : ""
    text(
      yLabel + scale, x: 16, y: frame.top + frame.height / 2, size: 12, anchor: .middle,
      isVertical: true)
  }

  private mutating func segment(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double) {
    elements.append(
      "<line x1=\"\(number(x1))\" y1=\"\(number(y1))\" x2=\"\(number(x2))\" y2=\"\(number(y2))\" "
        + "stroke=\"#e4e4e4\"/>")
  }

  private func list(_ points: [Point]) -> String {
    points.map { "\(number($0.x)),\(number($0.y))" }.joined(separator: " ")
  }

  /// A coordinate to a hundredth of a pixel.
  private func number(_ value: Double) -> String {
    let rounded = (value * 100).rounded() / 100
    return rounded == rounded.rounded() ? "\(Int(rounded))" : "\(rounded)"
  }
}
