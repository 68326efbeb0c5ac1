// SPDX-License-Identifier: Apache-2.0
//
// Functions of one number with their values and derivatives at the points where implementations
// fail: zero, the kinks of the pieces they might be built from, their poles, tiny and large arguments,
// the tails, infinities. `SpecialPointTests.swift` holds the compiler to them.
//
// Values at smooth points come from mpmath 1.4.1 with 1200 to 4000 digits, the derivatives as central
// differences with a step of 1e-300, rounded to f64; so they share nothing with our rules. At kinks,
// poles and infinities they are what LANGUAGE.md says, or the limit. All arguments are numbers of f32.

/// An argument, the function's value there, and its first and second derivative.
struct SpecialPoint: Sendable {
  let x: Double
  let quantities: [Double]

  init(_ x: Double, _ value: Double, _ first: Double, _ second: Double) {
    self.x = x
    quantities = [value, first, second]
  }
}

/// Where derivatives are differences of numbers near 1, and so exact only to the rounding of 1.
enum Cancellation: Sendable {
  case never, fromMinusOne, always
}

/// One function.
struct SpecialRow: Sendable {
  /// The function of the language that the row is for; operators have a name here only.
  let function: String
  /// The function of `x`, in the language.
  let expression: String
  let cancels: Cancellation
  let points: [SpecialPoint]

  init(
    _ function: String, _ expression: String, cancels: Cancellation = .never,
    _ points: [SpecialPoint]
  ) {
    self.function = function
    self.expression = expression
    self.cancels = cancels
    self.points = points
  }

  /// Whether the derivatives at `x` are exact only to the rounding of 1.
  func cancels(at x: Double) -> Bool {
    switch cancels {
    case .never: false
    case .fromMinusOne: x >= -1
    case .always: true
    }
  }
}

extension SpecialRow {
  static let all: [SpecialRow] = mainFunctions + furtherFunctions

  private static let mainFunctions: [SpecialRow] = [
    SpecialRow(
      "exp", "exp(x)",
      [
        SpecialPoint(-.infinity, 0, 0, 0),
        SpecialPoint(-100, 3.720075976020836e-44, 3.720075976020836e-44, 3.720075976020836e-44),
        SpecialPoint(-20, 2.061153622438558e-09, 2.061153622438558e-09, 2.061153622438558e-09),
        SpecialPoint(-3, 0.049787068367863944, 0.049787068367863944, 0.049787068367863944),
        SpecialPoint(-1, 0.36787944117144233, 0.36787944117144233, 0.36787944117144233),
        SpecialPoint(-0.5, 0.6065306597126334, 0.6065306597126334, 0.6065306597126334),
        SpecialPoint(-8.673617379884035e-19, 1, 1, 1),
        SpecialPoint(0, 1, 1, 1),
        SpecialPoint(8.673617379884035e-19, 1, 1, 1),
        SpecialPoint(0.5, 1.6487212707001282, 1.6487212707001282, 1.6487212707001282),
        SpecialPoint(1, 2.718281828459045, 2.718281828459045, 2.718281828459045),
        SpecialPoint(3, 20.085536923187668, 20.085536923187668, 20.085536923187668),
        SpecialPoint(20, 485165195.4097903, 485165195.4097903, 485165195.4097903),
        SpecialPoint(100, 2.6881171418161356e43, 2.6881171418161356e43, 2.6881171418161356e43),
        SpecialPoint(.infinity, .infinity, .infinity, .infinity),
      ]),
    SpecialRow(
      "expm1", "expm1(x)",
      [
        SpecialPoint(-.infinity, -1, 0, 0),
        SpecialPoint(-100, -1, 3.720075976020836e-44, 3.720075976020836e-44),
        SpecialPoint(-20, -0.9999999979388464, 2.061153622438558e-09, 2.061153622438558e-09),
        SpecialPoint(-3, -0.950212931632136, 0.049787068367863944, 0.049787068367863944),
        SpecialPoint(-1, -0.6321205588285577, 0.36787944117144233, 0.36787944117144233),
        SpecialPoint(-0.5, -0.3934693402873666, 0.6065306597126334, 0.6065306597126334),
        SpecialPoint(-8.673617379884035e-19, -8.673617379884035e-19, 1, 1),
        SpecialPoint(0, 0, 1, 1),
        SpecialPoint(8.673617379884035e-19, 8.673617379884035e-19, 1, 1),
        SpecialPoint(0.5, 0.6487212707001282, 1.6487212707001282, 1.6487212707001282),
        SpecialPoint(1, 1.7182818284590453, 2.718281828459045, 2.718281828459045),
        SpecialPoint(3, 19.085536923187668, 20.085536923187668, 20.085536923187668),
        SpecialPoint(20, 485165194.4097903, 485165195.4097903, 485165195.4097903),
        SpecialPoint(100, 2.6881171418161356e43, 2.6881171418161356e43, 2.6881171418161356e43),
        SpecialPoint(.infinity, .infinity, .infinity, .infinity),
      ]),
    SpecialRow(
      "log", "log(x)",
      [
        SpecialPoint(-1, .nan, .nan, .nan),
        SpecialPoint(0, -.infinity, .infinity, -.infinity),
        SpecialPoint(
          8.673617379884035e-19, -41.58883083359672, 1.152921504606847e18, -1.329227995784916e36),
        SpecialPoint(0.5, -0.6931471805599453, 2, -4),
        SpecialPoint(1, 0, 1, -1),
        SpecialPoint(3, 1.0986122886681098, 0.3333333333333333, -0.1111111111111111),
        SpecialPoint(100, 4.605170185988092, 0.01, -0.0001),
        SpecialPoint(.infinity, .infinity, 0, 0),
      ]),
    SpecialRow(
      "log1p", "log1p(x)",
      [
        SpecialPoint(-2, .nan, .nan, .nan),
        SpecialPoint(-1, -.infinity, .infinity, -.infinity),
        SpecialPoint(-0.5, -0.6931471805599453, 2, -4),
        SpecialPoint(-8.673617379884035e-19, -8.673617379884035e-19, 1, -1),
        SpecialPoint(0, 0, 1, -1),
        SpecialPoint(8.673617379884035e-19, 8.673617379884035e-19, 1, -1),
        SpecialPoint(0.5, 0.4054651081081644, 0.6666666666666666, -0.4444444444444444),
        SpecialPoint(3, 1.3862943611198906, 0.25, -0.0625),
        SpecialPoint(100, 4.61512051684126, 0.009900990099009901, -9.802960494069208e-05),
        SpecialPoint(.infinity, .infinity, 0, 0),
      ]),
    SpecialRow(
      "sqrt", "sqrt(x)",
      [
        SpecialPoint(-1, .nan, .nan, .nan),
        SpecialPoint(-8.673617379884035e-19, .nan, .nan, .nan),
        SpecialPoint(0, 0, 0, 0),
        SpecialPoint(
          8.673617379884035e-19, 9.313225746154785e-10, 536870912, -3.094850098213451e26),
        SpecialPoint(0.5, 0.7071067811865476, 0.7071067811865476, -0.7071067811865476),
        SpecialPoint(1, 1, 0.5, -0.25),
        SpecialPoint(4, 2, 0.25, -0.03125),
        SpecialPoint(100, 10, 0.05, -0.00025),
        SpecialPoint(.infinity, .infinity, 0, 0),
      ]),
    SpecialRow(
      "rsqrt", "rsqrt(x)",
      [
        SpecialPoint(-1, .nan, .nan, .nan),
        SpecialPoint(0, .infinity, -.infinity, .infinity),
        SpecialPoint(
          8.673617379884035e-19, 1073741824, -6.189700196426902e26, 1.0704357695294699e45),
        SpecialPoint(0.5, 1.4142135623730951, -1.4142135623730951, 4.242640687119285),
        SpecialPoint(1, 1, -0.5, 0.75),
        SpecialPoint(4, 0.5, -0.0625, 0.0234375),
        SpecialPoint(100, 0.1, -0.0005, 7.5e-06),
        SpecialPoint(.infinity, 0, 0, 0),
      ]),
    SpecialRow(
      "tanh", "tanh(x)", cancels: .always,
      [
        SpecialPoint(-.infinity, -1, 0, 0),
        SpecialPoint(-100, -1, 5.53558610694695e-87, 1.10711722138939e-86),
        SpecialPoint(-20, -1, 1.6993417021166355e-17, 3.398683404233271e-17),
        SpecialPoint(-3, -0.9950547536867305, 0.00986603716544019, 0.019634494363042435),
        SpecialPoint(-1, -0.7615941559557649, 0.4199743416140261, 0.6397000084492245),
        SpecialPoint(-0.5, -0.46211715726000974, 0.7864477329659274, 0.7268619813835873),
        SpecialPoint(-8.673617379884035e-19, -8.673617379884035e-19, 1, 1.734723475976807e-18),
        SpecialPoint(0, 0, 1, 0),
        SpecialPoint(8.673617379884035e-19, 8.673617379884035e-19, 1, -1.734723475976807e-18),
        SpecialPoint(0.5, 0.46211715726000974, 0.7864477329659274, -0.7268619813835873),
        SpecialPoint(1, 0.7615941559557649, 0.4199743416140261, -0.6397000084492245),
        SpecialPoint(3, 0.9950547536867305, 0.00986603716544019, -0.019634494363042435),
        SpecialPoint(20, 1, 1.6993417021166355e-17, -3.398683404233271e-17),
        SpecialPoint(100, 1, 5.53558610694695e-87, -1.10711722138939e-86),
        SpecialPoint(.infinity, 1, 0, 0),
      ]),
    SpecialRow(
      "sigmoid", "sigmoid(x)", cancels: .fromMinusOne,
      [
        SpecialPoint(-.infinity, 0, 0, 0),
        SpecialPoint(-100, 3.720075976020836e-44, 3.720075976020836e-44, 3.720075976020836e-44),
        SpecialPoint(-20, 2.0611536181902037e-09, 2.061153613941849e-09, 2.061153605445141e-09),
        SpecialPoint(-3, 0.04742587317756678, 0.04517665973091213, 0.04089157466094348),
        SpecialPoint(-1, 0.2689414213699951, 0.19661193324148185, 0.09085774767294841),
        SpecialPoint(-0.5, 0.37754066879814546, 0.2350037122015945, 0.05755679485232074),
        SpecialPoint(-8.673617379884035e-19, 0.5, 0.25, 1.0842021724855044e-19),
        SpecialPoint(0, 0.5, 0.25, 0),
        SpecialPoint(8.673617379884035e-19, 0.5, 0.25, -1.0842021724855044e-19),
        SpecialPoint(0.5, 0.6224593312018546, 0.2350037122015945, -0.05755679485232074),
        SpecialPoint(1, 0.7310585786300049, 0.19661193324148185, -0.09085774767294841),
        SpecialPoint(3, 0.9525741268224333, 0.04517665973091213, -0.04089157466094348),
        SpecialPoint(20, 0.9999999979388464, 2.061153613941849e-09, -2.061153605445141e-09),
        SpecialPoint(100, 1, 3.720075976020836e-44, -3.720075976020836e-44),
        SpecialPoint(.infinity, 1, 0, 0),
      ]),
    SpecialRow(
      "softplus", "softplus(x)", cancels: .fromMinusOne,
      [
        SpecialPoint(-.infinity, 0, 0, 0),
        SpecialPoint(-100, 3.720075976020836e-44, 3.720075976020836e-44, 3.720075976020836e-44),
        SpecialPoint(-20, 2.061153620314381e-09, 2.0611536181902037e-09, 2.061153613941849e-09),
        SpecialPoint(-3, 0.04858735157374206, 0.04742587317756678, 0.04517665973091213),
        SpecialPoint(-1, 0.3132616875182228, 0.2689414213699951, 0.19661193324148185),
        SpecialPoint(-0.5, 0.4740769841801067, 0.37754066879814546, 0.2350037122015945),
        SpecialPoint(-8.673617379884035e-19, 0.6931471805599453, 0.5, 0.25),
        SpecialPoint(0, 0.6931471805599453, 0.5, 0.25),
        SpecialPoint(8.673617379884035e-19, 0.6931471805599453, 0.5, 0.25),
        SpecialPoint(0.5, 0.9740769841801067, 0.6224593312018546, 0.2350037122015945),
        SpecialPoint(1, 1.3132616875182228, 0.7310585786300049, 0.19661193324148185),
        SpecialPoint(3, 3.048587351573742, 0.9525741268224333, 0.04517665973091213),
        SpecialPoint(20, 20.000000002061153, 0.9999999979388464, 2.061153613941849e-09),
        SpecialPoint(100, 100, 1, 3.720075976020836e-44),
        SpecialPoint(.infinity, .infinity, 1, 0),
      ]),
    SpecialRow(
      "erf", "erf(x)",
      [
        SpecialPoint(-20, -1, 2.1610374743867984e-174, 8.644149897547193e-173),
        SpecialPoint(-3, -0.9999779095030014, 0.00013925305194674786, 0.0008355183116804871),
        SpecialPoint(-1, -0.8427007929497149, 0.4151074974205947, 0.8302149948411894),
        SpecialPoint(-0.5, -0.5204998778130465, 0.8787825789354448, 0.8787825789354448),
        SpecialPoint(
          -8.673617379884035e-19, -9.78712915481871e-19, 1.1283791670955126, 1.957425830963742e-18),
        SpecialPoint(0, 0, 1.1283791670955126, 0),
        SpecialPoint(
          8.673617379884035e-19, 9.78712915481871e-19, 1.1283791670955126, -1.957425830963742e-18),
        SpecialPoint(0.5, 0.5204998778130465, 0.8787825789354448, -0.8787825789354448),
        SpecialPoint(1, 0.8427007929497149, 0.4151074974205947, -0.8302149948411894),
        SpecialPoint(3, 0.9999779095030014, 0.00013925305194674786, -0.0008355183116804871),
        SpecialPoint(20, 1, 2.1610374743867984e-174, -8.644149897547193e-173),
      ]),
    SpecialRow(
      "erfc", "erfc(x)",
      [
        SpecialPoint(-20, 2, -2.1610374743867984e-174, -8.644149897547193e-173),
        SpecialPoint(-8, 2, -1.8097067968559843e-28, -2.895530874969575e-27),
        SpecialPoint(-3, 1.9999779095030015, -0.00013925305194674786, -0.0008355183116804871),
        SpecialPoint(-1, 1.8427007929497148, -0.4151074974205947, -0.8302149948411894),
        SpecialPoint(-0.5, 1.5204998778130465, -0.8787825789354448, -0.8787825789354448),
        SpecialPoint(-8.673617379884035e-19, 1, -1.1283791670955126, -1.957425830963742e-18),
        SpecialPoint(0, 1, -1.1283791670955126, 0),
        SpecialPoint(8.673617379884035e-19, 1, -1.1283791670955126, 1.957425830963742e-18),
        SpecialPoint(0.5, 0.4795001221869535, -0.8787825789354448, 0.8787825789354448),
        SpecialPoint(1, 0.15729920705028513, -0.4151074974205947, 0.8302149948411894),
        SpecialPoint(3, 2.209049699858544e-05, -0.00013925305194674786, 0.0008355183116804871),
        SpecialPoint(8, 1.1224297172982926e-29, -1.8097067968559843e-28, 2.895530874969575e-27),
        SpecialPoint(20, 5.395865611607901e-176, -2.1610374743867984e-174, 8.644149897547193e-173),
      ]),
    SpecialRow(
      "sin", "sin(x)",
      [
        SpecialPoint(
          -1.7014118346046923e38, -0.6233855129558702, 0.78191463871496, 0.6233855129558702),
        SpecialPoint(
          -1.152921504606847e18, 0.8306492176372546, -0.5567960822766417, -0.8306492176372546),
        SpecialPoint(-0.5, -0.479425538604203, 0.8775825618903728, 0.479425538604203),
        SpecialPoint(-8.673617379884035e-19, -8.673617379884035e-19, 1, 8.673617379884035e-19),
        SpecialPoint(0, 0, 1, 0),
        SpecialPoint(8.673617379884035e-19, 8.673617379884035e-19, 1, -8.673617379884035e-19),
        SpecialPoint(0.5, 0.479425538604203, 0.8775825618903728, -0.479425538604203),
        SpecialPoint(3, 0.1411200080598672, -0.9899924966004454, -0.1411200080598672),
        SpecialPoint(100, -0.5063656411097588, 0.8623188722876839, 0.5063656411097588),
        SpecialPoint(4194304, 0.975129394941707, 0.22163633077774125, -0.975129394941707),
        SpecialPoint(4194305, 0.7133652021355629, -0.7007924716933591, -0.7133652021355629),
        SpecialPoint(1073741824, -0.6173264150460421, 0.7867071229411882, 0.6173264150460421),
        SpecialPoint(
          1.2676506002282294e30, -0.8721836054182673, 0.48917865697472146, 0.8721836054182673),
      ]),
    SpecialRow(
      "cos", "cos(x)",
      [
        SpecialPoint(
          -1.7014118346046923e38, 0.78191463871496, 0.6233855129558702, -0.78191463871496),
        SpecialPoint(
          -1.152921504606847e18, -0.5567960822766417, -0.8306492176372546, 0.5567960822766417),
        SpecialPoint(-0.5, 0.8775825618903728, 0.479425538604203, -0.8775825618903728),
        SpecialPoint(-8.673617379884035e-19, 1, 8.673617379884035e-19, -1),
        SpecialPoint(0, 1, 0, -1),
        SpecialPoint(8.673617379884035e-19, 1, -8.673617379884035e-19, -1),
        SpecialPoint(0.5, 0.8775825618903728, -0.479425538604203, -0.8775825618903728),
        SpecialPoint(3, -0.9899924966004454, -0.1411200080598672, 0.9899924966004454),
        SpecialPoint(100, 0.8623188722876839, 0.5063656411097588, -0.8623188722876839),
        SpecialPoint(4194304, 0.22163633077774125, -0.975129394941707, -0.22163633077774125),
        SpecialPoint(4194305, -0.7007924716933591, -0.7133652021355629, 0.7007924716933591),
        SpecialPoint(1073741824, 0.7867071229411882, 0.6173264150460421, -0.7867071229411882),
        SpecialPoint(
          1.2676506002282294e30, 0.48917865697472146, 0.8721836054182673, -0.48917865697472146),
      ]),
    SpecialRow(
      "abs", "abs(x)",
      [
        SpecialPoint(-.infinity, .infinity, -1, 0),
        SpecialPoint(-8.673617379884035e-19, 8.673617379884035e-19, -1, 0),
        SpecialPoint(0, 0, 0, 0),
        SpecialPoint(8.673617379884035e-19, 8.673617379884035e-19, 1, 0),
        SpecialPoint(3, 3, 1, 0),
      ]),
    SpecialRow(
      "sign", "sign(x)",
      [
        SpecialPoint(-8.673617379884035e-19, -1, 0, 0),
        SpecialPoint(0, 0, 0, 0),
        SpecialPoint(8.673617379884035e-19, 1, 0, 0),
        SpecialPoint(.infinity, 1, 0, 0),
      ]),
    SpecialRow(
      "floor", "floor(x)",
      [
        SpecialPoint(-8.673617379884035e-19, -1, 0, 0),
        SpecialPoint(0, 0, 0, 0),
        SpecialPoint(1, 1, 0, 0),
        SpecialPoint(2.5, 2, 0, 0),
        SpecialPoint(.infinity, .infinity, 0, 0),
      ]),
    SpecialRow(
      "relu", "relu(x)",
      [
        SpecialPoint(-.infinity, 0, 0, 0),
        SpecialPoint(-8.673617379884035e-19, 0, 0, 0),
        SpecialPoint(0, 0, 0, 0),
        SpecialPoint(8.673617379884035e-19, 8.673617379884035e-19, 1, 0),
        SpecialPoint(.infinity, .infinity, 1, 0),
      ]),
    SpecialRow(
      "square", "square(x)",
      [
        SpecialPoint(-3, 9, -6, 2),
        SpecialPoint(0, 0, 0, 2),
        SpecialPoint(8.673617379884035e-19, 7.52316384526264e-37, 1.734723475976807e-18, 2),
        SpecialPoint(.infinity, .infinity, .infinity, 2),
      ]),
    SpecialRow(
      "maximum", "maximum(x, 0)",
      [
        SpecialPoint(-8.673617379884035e-19, 0, 0, 0),
        SpecialPoint(0, 0, 0.5, 0),
        SpecialPoint(8.673617379884035e-19, 8.673617379884035e-19, 1, 0),
        SpecialPoint(.infinity, .infinity, 1, 0),
        SpecialPoint(.nan, .nan, .nan, 0),
      ]),
    SpecialRow(
      "minimum", "minimum(x, 1)",
      [
        SpecialPoint(-.infinity, -.infinity, 1, 0),
        SpecialPoint(0, 0, 1, 0),
        SpecialPoint(1, 1, 0.5, 0),
        SpecialPoint(3, 1, 0, 0),
        SpecialPoint(.nan, .nan, .nan, 0),
      ]),
    SpecialRow(
      "select", "select(x > 0, 2 * x, x)",
      [
        SpecialPoint(-3, -3, 1, 0),
        SpecialPoint(0, 0, 1, 0),
        SpecialPoint(8.673617379884035e-19, 1.734723475976807e-18, 2, 0),
      ]),
    SpecialRow(
      "power", "x ** 0.5",
      [
        SpecialPoint(-1, .nan, .nan, .nan),
        SpecialPoint(0, 0, 0, 0),
        SpecialPoint(
          8.673617379884035e-19, 9.313225746154785e-10, 536870912, -3.094850098213451e26),
        SpecialPoint(1, 1, 0.5, -0.25),
        SpecialPoint(4, 2, 0.25, -0.03125),
      ]),
    SpecialRow(
      "power", "x ** 1.5",
      [
        SpecialPoint(-1, .nan, .nan, .nan),
        SpecialPoint(0, 0, 0, 0),
        SpecialPoint(
          8.673617379884035e-19, 8.077935669463161e-28, 1.3969838619232178e-09, 805306368),
        SpecialPoint(1, 1, 1.5, 0.75),
        SpecialPoint(4, 8, 3, 0.375),
      ]),
    SpecialRow(
      "power", "x ** 2.5",
      [
        SpecialPoint(-1, .nan, .nan, .nan),
        SpecialPoint(0, 0, 0, 0),
        SpecialPoint(
          8.673617379884035e-19, 7.006492321624085e-46, 2.0194839173657902e-27,
          3.4924596548080444e-09),
        SpecialPoint(1, 1, 2.5, 3.75),
        SpecialPoint(4, 32, 20, 7.5),
      ]),
    SpecialRow(
      "power", "x ** -0.5",
      [
        SpecialPoint(-1, .nan, .nan, .nan),
        SpecialPoint(0, .infinity, -.infinity, .infinity),
        SpecialPoint(
          8.673617379884035e-19, 1073741824, -6.189700196426902e26, 1.0704357695294699e45),
        SpecialPoint(1, 1, -0.5, 0.75),
        SpecialPoint(4, 0.5, -0.0625, 0.0234375),
      ]),
    SpecialRow(
      "power", "x ** -1",
      [
        SpecialPoint(-4, -0.25, -0.0625, -0.03125),
        SpecialPoint(0, .infinity, -.infinity, .infinity),
        SpecialPoint(
          8.673617379884035e-19, 1.152921504606847e18, -1.329227995784916e36, 3.064991081731778e54),
        SpecialPoint(1, 1, -1, 2),
      ]),
    SpecialRow(
      "power", "x ** 3",
      [
        SpecialPoint(-2, -8, 12, -12),
        SpecialPoint(0, 0, 0, 0),
        SpecialPoint(1, 1, 3, 6),
      ]),
    SpecialRow(
      "power", "x ** 0",
      [
        SpecialPoint(-2, 1, 0, 0),
        SpecialPoint(0, 1, 0, 0),
      ]),
    SpecialRow(
      "power", "2 ** x",
      [
        SpecialPoint(-.infinity, 0, 0, 0),
        SpecialPoint(-20, 9.5367431640625e-07, 6.610366635894254e-07, 4.581956996137633e-07),
        SpecialPoint(-1, 0.5, 0.34657359027997264, 0.24022650695910072),
        SpecialPoint(0, 1, 0.6931471805599453, 0.48045301391820144),
        SpecialPoint(1, 2, 1.3862943611198906, 0.9609060278364029),
        SpecialPoint(20, 1048576, 726817.4980028252, 503791.499522292),
      ]),
    SpecialRow(
      "power", "0 ** x",
      [
        SpecialPoint(0, 1, 0, 0),
        SpecialPoint(1, 0, 0, 0),
        SpecialPoint(3, 0, 0, 0),
      ]),
    SpecialRow(
      "division", "1 / x",
      [
        SpecialPoint(-4, -0.25, -0.0625, -0.03125),
        SpecialPoint(0, .infinity, -.infinity, .infinity),
        SpecialPoint(
          8.673617379884035e-19, 1.152921504606847e18, -1.329227995784916e36, 3.064991081731778e54),
        SpecialPoint(1, 1, -1, 2),
        SpecialPoint(.infinity, 0, 0, 0),
      ]),
    SpecialRow(
      "gelu", "gelu(x)", cancels: .fromMinusOne,
      [
        SpecialPoint(-100, 0, 0, 0),
        SpecialPoint(
          -20, -3.3754509563109673e-261, -2.9424328724945027e-259, -2.5620732028460162e-257),
        SpecialPoint(-3, -0.003637392081773019, -0.011584166630969726, -0.031767658886074704),
        SpecialPoint(-1, -0.1588080093917233, -0.08296408384578255, 0.24214819798377296),
        SpecialPoint(-0.5, -0.15428599017485609, 0.1326300964653577, 0.6155068951159849),
        SpecialPoint(-8.673617379884035e-19, -4.336808689942018e-19, 0.5, 0.7978845608028654),
        SpecialPoint(0, 0, 0.5, 0.7978845608028654),
        SpecialPoint(8.673617379884035e-19, 4.336808689942018e-19, 0.5, 0.7978845608028654),
        SpecialPoint(0.5, 0.34571400982514394, 0.8673699035346423, 0.6155068951159849),
        SpecialPoint(1, 0.8411919906082767, 1.0829640838457826, 0.24214819798377296),
        SpecialPoint(3, 2.996362607918227, 1.0115841666309697, -0.031767658886074704),
        SpecialPoint(20, 20, 1, -2.5620732028460162e-257),
        SpecialPoint(100, 100, 1, 0),
      ]),
    SpecialRow(
      "gelu", "gelu(x, exact: true)",
      [
        SpecialPoint(-20, -5.507248237212468e-88, -1.1014360483133464e-86, -2.1973374481395856e-85),
        SpecialPoint(-10, -7.619853024160526e-23, -7.618400096464814e-22, -7.540706654172292e-21),
        SpecialPoint(-3, -0.0040496940948902835, -0.011945647204183927, -0.03102293888356605),
        SpecialPoint(-1, -0.15865525393145705, -0.0833154705876863, 0.24197072451914334),
        SpecialPoint(-0.5, -0.15426876936299344, 0.13250487534383715, 0.6161143218375241),
        SpecialPoint(-8.673617379884035e-19, -4.336808689942018e-19, 0.5, 0.7978845608028654),
        SpecialPoint(0, 0, 0.5, 0.7978845608028654),
        SpecialPoint(8.673617379884035e-19, 4.336808689942018e-19, 0.5, 0.7978845608028654),
        SpecialPoint(0.5, 0.34573123063700656, 0.8674951246561629, 0.6161143218375241),
        SpecialPoint(1, 0.8413447460685429, 1.0833154705876864, 0.24197072451914334),
        SpecialPoint(3, 2.99595030590511, 1.011945647204184, -0.03102293888356605),
        SpecialPoint(10, 10, 1, -7.540706654172292e-21),
        SpecialPoint(20, 20, 1, -2.1973374481395856e-85),
      ]),
    SpecialRow(
      "silu", "silu(x)", cancels: .fromMinusOne,
      [
        SpecialPoint(-100, -3.720075976020836e-42, -3.682875216260628e-42, -3.645674456500419e-42),
        SpecialPoint(-20, -4.122307236380407e-08, -3.9161918660646786e-08, -3.710076488101912e-08),
        SpecialPoint(-3, -0.14227761953270035, -0.08810410601516962, -0.032321404521006174),
        SpecialPoint(-1, -0.2689414213699951, 0.07232948812851327, 0.3023661188100153),
        SpecialPoint(-0.5, -0.18877033439907273, 0.2600388126973482, 0.4412290269770286),
        SpecialPoint(-8.673617379884035e-19, -4.336808689942018e-19, 0.5, 0.5),
        SpecialPoint(0, 0, 0.5, 0.5),
        SpecialPoint(8.673617379884035e-19, 4.336808689942018e-19, 0.5, 0.5),
        SpecialPoint(0.5, 0.3112296656009273, 0.7399611873026518, 0.4412290269770286),
        SpecialPoint(1, 0.7310585786300049, 0.9276705118714867, 0.3023661188100153),
        SpecialPoint(3, 2.8577223804672998, 1.0881041060151697, -0.032321404521006174),
        SpecialPoint(20, 19.99999995877693, 1.0000000391619186, -3.710076488101912e-08),
        SpecialPoint(100, 100, 1, -3.645674456500419e-42),
      ]),
    SpecialRow(
      "elu", "elu(x)",
      [
        SpecialPoint(-.infinity, -1, 0, 0),
        SpecialPoint(-1000, -1, 0, 0),
        SpecialPoint(-20, -0.9999999979388464, 2.061153622438558e-09, 2.061153622438558e-09),
        SpecialPoint(-3, -0.950212931632136, 0.049787068367863944, 0.049787068367863944),
        SpecialPoint(-0.5, -0.3934693402873666, 0.6065306597126334, 0.6065306597126334),
        SpecialPoint(-8.673617379884035e-19, -8.673617379884035e-19, 1, 1),
        SpecialPoint(0, 0, 1, 1),
        SpecialPoint(0.5, 0.5, 1, 0),
        SpecialPoint(3, 3, 1, 0),
        SpecialPoint(89, 89, 1, 0),
        SpecialPoint(1000, 1000, 1, 0),
        SpecialPoint(.infinity, .infinity, 1, 0),
      ]),
    SpecialRow(
      "elu", "elu(x, alpha: 0.5)",
      [
        SpecialPoint(-3, -0.475106465816068, 0.024893534183931972, 0.024893534183931972),
        SpecialPoint(-8.673617379884035e-19, -4.336808689942018e-19, 0.5, 0.5),
        SpecialPoint(0, 0, 0.5, 0.5),
        SpecialPoint(0.5, 0.5, 1, 0),
        SpecialPoint(1000, 1000, 1, 0),
      ]),
    SpecialRow(
      "binary_cross_entropy", "binary_cross_entropy(x, 0 * x)", cancels: .fromMinusOne,
      [
        SpecialPoint(-100, 3.720075976020836e-44, 3.720075976020836e-44, 3.720075976020836e-44),
        SpecialPoint(-20, 2.061153620314381e-09, 2.0611536181902037e-09, 2.061153613941849e-09),
        SpecialPoint(-3, 0.04858735157374206, 0.04742587317756678, 0.04517665973091213),
        SpecialPoint(-1, 0.3132616875182228, 0.2689414213699951, 0.19661193324148185),
        SpecialPoint(-0.5, 0.4740769841801067, 0.37754066879814546, 0.2350037122015945),
        SpecialPoint(-8.673617379884035e-19, 0.6931471805599453, 0.5, 0.25),
        SpecialPoint(0, 0.6931471805599453, 0.5, 0.25),
        SpecialPoint(8.673617379884035e-19, 0.6931471805599453, 0.5, 0.25),
        SpecialPoint(0.5, 0.9740769841801067, 0.6224593312018546, 0.2350037122015945),
        SpecialPoint(1, 1.3132616875182228, 0.7310585786300049, 0.19661193324148185),
        SpecialPoint(3, 3.048587351573742, 0.9525741268224333, 0.04517665973091213),
        SpecialPoint(20, 20.000000002061153, 0.9999999979388464, 2.061153613941849e-09),
        SpecialPoint(100, 100, 1, 3.720075976020836e-44),
      ]),
    SpecialRow(
      "binary_cross_entropy", "binary_cross_entropy(x, 0 * x + 1)", cancels: .always,
      [
        SpecialPoint(-100, 100, -1, 3.720075976020836e-44),
        SpecialPoint(-20, 20.000000002061153, -0.9999999979388464, 2.061153613941849e-09),
        SpecialPoint(-3, 3.048587351573742, -0.9525741268224333, 0.04517665973091213),
        SpecialPoint(-1, 1.3132616875182228, -0.7310585786300049, 0.19661193324148185),
        SpecialPoint(-0.5, 0.9740769841801067, -0.6224593312018546, 0.2350037122015945),
        SpecialPoint(-8.673617379884035e-19, 0.6931471805599453, -0.5, 0.25),
        SpecialPoint(0, 0.6931471805599453, -0.5, 0.25),
        SpecialPoint(8.673617379884035e-19, 0.6931471805599453, -0.5, 0.25),
        SpecialPoint(0.5, 0.4740769841801067, -0.37754066879814546, 0.2350037122015945),
        SpecialPoint(1, 0.3132616875182228, -0.2689414213699951, 0.19661193324148185),
        SpecialPoint(3, 0.04858735157374206, -0.04742587317756678, 0.04517665973091213),
        SpecialPoint(20, 2.061153620314381e-09, -2.0611536181902037e-09, 2.061153613941849e-09),
        SpecialPoint(100, 3.720075976020836e-44, -3.720075976020836e-44, 3.720075976020836e-44),
      ]),
    SpecialRow(
      "binary_cross_entropy", "binary_cross_entropy(x, 0 * x + 0.25)", cancels: .always,
      [
        SpecialPoint(-20, 5.000000002061154, -0.2499999979388464, 2.061153613941849e-09),
        SpecialPoint(-3, 0.798587351573742, -0.20257412682243323, 0.04517665973091213),
        SpecialPoint(-8.673617379884035e-19, 0.6931471805599453, 0.25, 0.25),
        SpecialPoint(0, 0.6931471805599453, 0.25, 0.25),
        SpecialPoint(8.673617379884035e-19, 0.6931471805599453, 0.25, 0.25),
        SpecialPoint(0.5, 0.8490769841801067, 0.37245933120185454, 0.2350037122015945),
        SpecialPoint(20, 15.000000002061153, 0.7499999979388464, 2.061153613941849e-09),
      ]),
    SpecialRow(
      "identity", "square(sqrt(x))",
      [
        SpecialPoint(-1, .nan, .nan, .nan),
        SpecialPoint(0, 0, 1, 0),
        SpecialPoint(8.673617379884035e-19, 8.673617379884035e-19, 1, 0),
        SpecialPoint(4, 4, 1, 0),
        SpecialPoint(.infinity, .infinity, 1, 0),
      ]),
    SpecialRow(
      "identity", "sqrt(x) * sqrt(x)",
      [
        SpecialPoint(-1, .nan, .nan, .nan),
        SpecialPoint(0, 0, 1, 0),
        SpecialPoint(4, 4, 1, 0),
      ]),
    SpecialRow(
      "identity", "sqrt(square(x))",
      [
        SpecialPoint(-.infinity, .infinity, -1, 0),
        SpecialPoint(-1, 1, -1, 0),
        SpecialPoint(0, 0, 0, 0),
        SpecialPoint(7.888609052210118e-31, 7.888609052210118e-31, 1, 0),
        SpecialPoint(4, 4, 1, 0),
      ]),
    SpecialRow(
      "identity", "(x ** 0.5) ** 2",
      [
        SpecialPoint(-1, .nan, .nan, .nan),
        SpecialPoint(0, 0, 1, 0),
        SpecialPoint(4, 4, 1, 0),
      ]),
    SpecialRow(
      "identity", "(x ** 4) ** 0.5",
      [
        SpecialPoint(-3, 9, -6, 2),
        SpecialPoint(0, 0, 0, 2),
      ]),
    SpecialRow(
      "identity", "exp(log(x))",
      [
        SpecialPoint(-1, .nan, .nan, .nan),
        SpecialPoint(0, 0, 1, 0),
        SpecialPoint(4, 4, 1, 0),
        SpecialPoint(.infinity, .infinity, 1, 0),
      ]),
    SpecialRow(
      "identity", "log(exp(x))",
      [
        SpecialPoint(-1000, -1000, 1, 0),
        SpecialPoint(0, 0, 1, 0),
        SpecialPoint(1000, 1000, 1, 0),
      ]),
    SpecialRow(
      "identity", "expm1(log1p(x))",
      [
        SpecialPoint(-2, .nan, .nan, .nan),
        SpecialPoint(-1, -1, 1, 0),
        SpecialPoint(0, 0, 1, 0),
      ]),
    SpecialRow(
      "identity", "log1p(expm1(x))",
      [
        SpecialPoint(-100, -100, 1, 0),
        SpecialPoint(0, 0, 1, 0),
        SpecialPoint(1000, 1000, 1, 0),
      ]),
  ]
}
