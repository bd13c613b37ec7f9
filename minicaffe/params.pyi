# Written by `make proto` (minicaffe/stubs.py).
"""``P``: the values of enums, as ``P.Pooling.MAX``."""

from minicaffe.proto import minicaffe_pb2 as pb

class BN:
    LEARN: pb.BNParameter.BNMode
    INFERENCE: pb.BNParameter.BNMode
    DEFAULT: pb.BNParameter.Engine
    CAFFE: pb.BNParameter.Engine
    CUDNN: pb.BNParameter.Engine

class BinaryActivation:
    TANH: pb.BinaryActivationParameter.Method
    SIGN: pb.BinaryActivationParameter.Method

class Convolution:
    DEFAULT: pb.ConvolutionParameter.Engine
    CAFFE: pb.ConvolutionParameter.Engine
    CUDNN: pb.ConvolutionParameter.Engine

class Data:
    LEVELDB: pb.DataParameter.DB
    LMDB: pb.DataParameter.DB

class Eltwise:
    PROD: pb.EltwiseParameter.EltwiseOp
    SUM: pb.EltwiseParameter.EltwiseOp
    MAX: pb.EltwiseParameter.EltwiseOp

class Filler:
    FAN_IN: pb.FillerParameter.VarianceNorm
    FAN_OUT: pb.FillerParameter.VarianceNorm
    AVERAGE: pb.FillerParameter.VarianceNorm

class HingeLoss:
    L1: pb.HingeLossParameter.Norm
    L2: pb.HingeLossParameter.Norm

class LRN:
    ACROSS_CHANNELS: pb.LRNParameter.NormRegion
    WITHIN_CHANNEL: pb.LRNParameter.NormRegion
    DEFAULT: pb.LRNParameter.Engine
    CAFFE: pb.LRNParameter.Engine
    CUDNN: pb.LRNParameter.Engine

class Loss:
    FULL: pb.LossParameter.NormalizationMode
    VALID: pb.LossParameter.NormalizationMode
    BATCH_SIZE: pb.LossParameter.NormalizationMode
    NONE: pb.LossParameter.NormalizationMode
    PRE_FIXED: pb.LossParameter.NormalizationMode

class MultiBoxLoss:
    L2: pb.MultiBoxLossParameter.LocLossType
    SMOOTH_L1: pb.MultiBoxLossParameter.LocLossType
    SOFTMAX: pb.MultiBoxLossParameter.ConfLossType
    LOGISTIC: pb.MultiBoxLossParameter.ConfLossType
    BIPARTITE: pb.MultiBoxLossParameter.MatchType
    PER_PREDICTION: pb.MultiBoxLossParameter.MatchType
    NONE: pb.MultiBoxLossParameter.MiningType
    MAX_NEGATIVE: pb.MultiBoxLossParameter.MiningType
    HARD_EXAMPLE: pb.MultiBoxLossParameter.MiningType

class Pooling:
    MAX: pb.PoolingParameter.PoolMethod
    AVE: pb.PoolingParameter.PoolMethod
    STOCHASTIC: pb.PoolingParameter.PoolMethod
    ENSEMBLE_MAX: pb.PoolingParameter.PoolMethod
    DEFAULT: pb.PoolingParameter.Engine
    CAFFE: pb.PoolingParameter.Engine
    CUDNN: pb.PoolingParameter.Engine
    CEIL: pb.PoolingParameter.RoundMode
    FLOOR: pb.PoolingParameter.RoundMode

class PriorBox:
    CORNER: pb.PriorBoxParameter.CodeType
    CENTER_SIZE: pb.PriorBoxParameter.CodeType
    CORNER_SIZE: pb.PriorBoxParameter.CodeType

class ReLU:
    DEFAULT: pb.ReLUParameter.Engine
    CAFFE: pb.ReLUParameter.Engine
    CUDNN: pb.ReLUParameter.Engine

class Reduction:
    SUM: pb.ReductionParameter.ReductionOp
    ASUM: pb.ReductionParameter.ReductionOp
    SUMSQ: pb.ReductionParameter.ReductionOp
    MEAN: pb.ReductionParameter.ReductionOp

class Resize:
    WARP: pb.ResizeParameter.Resize_mode
    FIT_SMALL_SIZE: pb.ResizeParameter.Resize_mode
    FIT_LARGE_SIZE_AND_PAD: pb.ResizeParameter.Resize_mode
    CONSTANT: pb.ResizeParameter.Pad_mode
    MIRRORED: pb.ResizeParameter.Pad_mode
    REPEAT_NEAREST: pb.ResizeParameter.Pad_mode
    LINEAR: pb.ResizeParameter.Interp_mode
    AREA: pb.ResizeParameter.Interp_mode
    NEAREST: pb.ResizeParameter.Interp_mode
    CUBIC: pb.ResizeParameter.Interp_mode
    LANCZOS4: pb.ResizeParameter.Interp_mode

class SPP:
    MAX: pb.SPPParameter.PoolMethod
    AVE: pb.SPPParameter.PoolMethod
    STOCHASTIC: pb.SPPParameter.PoolMethod
    DEFAULT: pb.SPPParameter.Engine
    CAFFE: pb.SPPParameter.Engine
    CUDNN: pb.SPPParameter.Engine

class Sigmoid:
    DEFAULT: pb.SigmoidParameter.Engine
    CAFFE: pb.SigmoidParameter.Engine
    CUDNN: pb.SigmoidParameter.Engine

class Softmax:
    DEFAULT: pb.SoftmaxParameter.Engine
    CAFFE: pb.SoftmaxParameter.Engine
    CUDNN: pb.SoftmaxParameter.Engine

class Solver:
    HDF5: pb.SolverParameter.SnapshotFormat
    BINARYPROTO: pb.SolverParameter.SnapshotFormat
    CPU: pb.SolverParameter.SolverMode
    GPU: pb.SolverParameter.SolverMode
    SGD: pb.SolverParameter.SolverType
    NESTEROV: pb.SolverParameter.SolverType
    ADAGRAD: pb.SolverParameter.SolverType
    RMSPROP: pb.SolverParameter.SolverType
    ADADELTA: pb.SolverParameter.SolverType
    ADAM: pb.SolverParameter.SolverType

class TanH:
    DEFAULT: pb.TanHParameter.Engine
    CAFFE: pb.TanHParameter.Engine
    CUDNN: pb.TanHParameter.Engine

class V0Layer:
    MAX: pb.V0LayerParameter.PoolMethod
    AVE: pb.V0LayerParameter.PoolMethod
    STOCHASTIC: pb.V0LayerParameter.PoolMethod

class V1Layer:
    NONE: pb.V1LayerParameter.LayerType
    ABSVAL: pb.V1LayerParameter.LayerType
    ACCURACY: pb.V1LayerParameter.LayerType
    ARGMAX: pb.V1LayerParameter.LayerType
    BNLL: pb.V1LayerParameter.LayerType
    CONCAT: pb.V1LayerParameter.LayerType
    CONTRASTIVE_LOSS: pb.V1LayerParameter.LayerType
    CONVOLUTION: pb.V1LayerParameter.LayerType
    DATA: pb.V1LayerParameter.LayerType
    DECONVOLUTION: pb.V1LayerParameter.LayerType
    DROPOUT: pb.V1LayerParameter.LayerType
    DUMMY_DATA: pb.V1LayerParameter.LayerType
    EUCLIDEAN_LOSS: pb.V1LayerParameter.LayerType
    ELTWISE: pb.V1LayerParameter.LayerType
    EXP: pb.V1LayerParameter.LayerType
    FLATTEN: pb.V1LayerParameter.LayerType
    HDF5_DATA: pb.V1LayerParameter.LayerType
    HDF5_OUTPUT: pb.V1LayerParameter.LayerType
    HINGE_LOSS: pb.V1LayerParameter.LayerType
    IM2COL: pb.V1LayerParameter.LayerType
    IMAGE_DATA: pb.V1LayerParameter.LayerType
    INFOGAIN_LOSS: pb.V1LayerParameter.LayerType
    INNER_PRODUCT: pb.V1LayerParameter.LayerType
    LRN: pb.V1LayerParameter.LayerType
    MEMORY_DATA: pb.V1LayerParameter.LayerType
    MULTINOMIAL_LOGISTIC_LOSS: pb.V1LayerParameter.LayerType
    MVN: pb.V1LayerParameter.LayerType
    POOLING: pb.V1LayerParameter.LayerType
    POWER: pb.V1LayerParameter.LayerType
    RELU: pb.V1LayerParameter.LayerType
    SIGMOID: pb.V1LayerParameter.LayerType
    SIGMOID_CROSS_ENTROPY_LOSS: pb.V1LayerParameter.LayerType
    SILENCE: pb.V1LayerParameter.LayerType
    SOFTMAX: pb.V1LayerParameter.LayerType
    SOFTMAX_LOSS: pb.V1LayerParameter.LayerType
    SPLIT: pb.V1LayerParameter.LayerType
    SLICE: pb.V1LayerParameter.LayerType
    TANH: pb.V1LayerParameter.LayerType
    WINDOW_DATA: pb.V1LayerParameter.LayerType
    THRESHOLD: pb.V1LayerParameter.LayerType
    STRICT: pb.V1LayerParameter.DimCheckMode
    PERMISSIVE: pb.V1LayerParameter.DimCheckMode
