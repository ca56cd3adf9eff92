"""FID's Inception network in PyTorch, under the names of its checkpoint: the network of Szegedy et al. 2016 with what the
TensorFlow graph of 2015-12-05 does otherwise (averages without the padding, a maximum in the last block, 1008 classes).
"""

import torch
import torch.nn.functional as F
from torch import nn


class Conv(nn.Module):
    def __init__(self, n_in, n_out, size=1, **more):
        super().__init__()
        self.conv = nn.Conv2d(n_in, n_out, size, bias=False, **more)
        self.bn = nn.BatchNorm2d(n_out, eps=0.001)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)))


ROW, COLUMN = {"size": (1, 7), "padding": (0, 3)}, {"size": (7, 1), "padding": (3, 0)}


def average(x):
    return F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)


def maximum(x):
    return F.max_pool2d(x, 3, stride=1, padding=1)


class A(nn.Module):
    def __init__(self, n, pool):
        super().__init__()
        self.branch1x1 = Conv(n, 64)
        self.branch5x5_1, self.branch5x5_2 = Conv(n, 48), Conv(48, 64, 5, padding=2)
        self.branch3x3dbl_1, self.branch3x3dbl_2 = Conv(n, 64), Conv(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = Conv(96, 96, 3, padding=1)
        self.branch_pool = Conv(n, pool)

    def forward(self, x):
        return torch.cat([self.branch1x1(x), self.branch5x5_2(self.branch5x5_1(x)),
                          self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x))), self.branch_pool(average(x))], 1)


class B(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.branch3x3 = Conv(n, 384, 3, stride=2)
        self.branch3x3dbl_1, self.branch3x3dbl_2 = Conv(n, 64), Conv(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = Conv(96, 96, 3, stride=2)

    def forward(self, x):
        return torch.cat([self.branch3x3(x), self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x))),
                          F.max_pool2d(x, 3, stride=2)], 1)


class C(nn.Module):
    def __init__(self, n, c):
        super().__init__()
        self.branch1x1 = Conv(n, 192)
        self.branch7x7_1, self.branch7x7_2, self.branch7x7_3 = Conv(n, c), Conv(c, c, **ROW), Conv(c, 192, **COLUMN)
        self.branch7x7dbl_1, self.branch7x7dbl_2, self.branch7x7dbl_3 = Conv(n, c), Conv(c, c, **COLUMN), Conv(c, c, **ROW)
        self.branch7x7dbl_4, self.branch7x7dbl_5 = Conv(c, c, **COLUMN), Conv(c, 192, **ROW)
        self.branch_pool = Conv(n, 192)

    def forward(self, x):
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        return torch.cat([self.branch1x1(x), self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x))),
                          self.branch7x7dbl_5(self.branch7x7dbl_4(double)), self.branch_pool(average(x))], 1)


class D(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.branch3x3_1, self.branch3x3_2 = Conv(n, 192), Conv(192, 320, 3, stride=2)
        self.branch7x7x3_1, self.branch7x7x3_2, self.branch7x7x3_3 = Conv(n, 192), Conv(192, 192, **ROW), Conv(192, 192, **COLUMN)
        self.branch7x7x3_4 = Conv(192, 192, 3, stride=2)

    def forward(self, x):
        long = self.branch7x7x3_4(self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x))))
        return torch.cat([self.branch3x3_2(self.branch3x3_1(x)), long, F.max_pool2d(x, 3, stride=2)], 1)


class E(nn.Module):
    def __init__(self, n, pool):
        super().__init__()
        wide, tall = {"size": (1, 3), "padding": (0, 1)}, {"size": (3, 1), "padding": (1, 0)}
        self.pool = pool
        self.branch1x1 = Conv(n, 320)
        self.branch3x3_1, self.branch3x3_2a, self.branch3x3_2b = Conv(n, 384), Conv(384, 384, **wide), Conv(384, 384, **tall)
        self.branch3x3dbl_1, self.branch3x3dbl_2 = Conv(n, 448), Conv(448, 384, 3, padding=1)
        self.branch3x3dbl_3a, self.branch3x3dbl_3b = Conv(384, 384, **wide), Conv(384, 384, **tall)
        self.branch_pool = Conv(n, 192)

    def forward(self, x):
        one, two = self.branch3x3_1(x), self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        return torch.cat([self.branch1x1(x), self.branch3x3_2a(one), self.branch3x3_2b(one), self.branch3x3dbl_3a(two),
                          self.branch3x3dbl_3b(two), self.branch_pool(self.pool(x))], 1)


class Inception(nn.Module):
    def __init__(self):
        super().__init__()
        self.Conv2d_1a_3x3, self.Conv2d_2a_3x3 = Conv(3, 32, 3, stride=2), Conv(32, 32, 3)
        self.Conv2d_2b_3x3 = Conv(32, 64, 3, padding=1)
        self.Conv2d_3b_1x1, self.Conv2d_4a_3x3 = Conv(64, 80), Conv(80, 192, 3)
        self.Mixed_5b, self.Mixed_5c, self.Mixed_5d = A(192, 32), A(256, 64), A(288, 64)
        self.Mixed_6a = B(288)
        self.Mixed_6b, self.Mixed_6c, self.Mixed_6d, self.Mixed_6e = C(768, 128), C(768, 160), C(768, 160), C(768, 192)
        self.Mixed_7a, self.Mixed_7b, self.Mixed_7c = D(768), E(1280, average), E(2048, maximum)
        self.fc = nn.Linear(2048, 1008)

    def forward(self, x):
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(F.max_pool2d(x, 3, stride=2)))
        x = F.max_pool2d(x, 3, stride=2)
        for name in "5b 5c 5d 6a 6b 6c 6d 6e 7a 7b 7c".split():
            x = getattr(self, f"Mixed_{name}")(x)
        features = x.mean((2, 3))
        return features, self.fc(features)


def resize_pytorch_fid(x):
    """x in [0, 1]."""
    return 2 * F.interpolate(x, (299, 299), mode="bilinear", align_corners=False) - 1


def resize_torch_fidelity(u):
    """u in [0, 255]: TensorFlow 1 takes output pixel i from the place i * (size / 299), without half a pixel's shift."""
    def along(x, axis):
        size = x.shape[axis]
        place = torch.arange(299, dtype=torch.float64) * size / 299
        low = place.floor().long()
        high = (low + 1).clamp(max=size - 1)
        share = (place - low).to(x.dtype).reshape([-1 if a == axis else 1 for a in range(4)])
        return x.index_select(axis, low) * (1 - share) + x.index_select(axis, high) * share

    return (along(along(u, 2), 3) - 128) / 128
