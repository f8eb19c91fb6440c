"""The simulated shop's categories, and the words of its titles."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Category:
    """Properties shared by the products of a category."""

    name: str
    price: float
    """Median list price."""
    peak: int
    """Day of the year of the highest demand."""
    season: float
    """Half the log ratio of the demand at the peak to the demand half a year later."""
    interval: float
    """Days after which a product is used up and wanted again."""
    repeat: float
    """Strength of the demand for a used-up product, relative to one never bought."""
    returns: float
    """Share of sale lines that are returned."""
    english: tuple[str, ...]
    """Nouns of titles; `chinese` has the same nouns."""
    chinese: tuple[str, ...]


CATEGORIES: Final = (
    Category(
        "coffee and tea", 9, 350, 0.3, 28, 4, 0.01,
        ("coffee beans", "espresso capsules", "green tea", "herbal tea", "oolong"),
        ("咖啡豆", "浓缩咖啡胶囊", "绿茶", "花草茶", "乌龙茶"),
    ),
    Category(
        "sweets", 6, 345, 0.8, 21, 2.5, 0.01,
        ("chocolate bar", "biscuits", "nougat", "fruit gums", "gift box"),
        ("巧克力", "饼干", "牛轧糖", "水果软糖", "糖果礼盒"),
    ),
    Category(
        "pet food", 18, 15, 0.1, 30, 6, 0.02,
        ("dog food", "cat food", "cat litter", "dog treats", "bird seed"),
        ("狗粮", "猫粮", "猫砂", "狗零食", "鸟食"),
    ),
    Category(
        "skin care", 22, 20, 0.2, 45, 3, 0.04,
        ("face cream", "hand cream", "shampoo", "soap", "serum"),
        ("面霜", "护手霜", "洗发水", "香皂", "精华液"),
    ),
    Category(
        "cleaning", 7, 90, 0.2, 40, 4, 0.01,
        ("laundry detergent", "dish soap", "sponges", "floor cleaner", "paper towels"),
        ("洗衣液", "洗洁精", "海绵", "地板清洁剂", "厨房纸巾"),
    ),
    Category(
        "vitamins", 16, 25, 0.3, 35, 4, 0.02,
        ("vitamin drops", "fish oil", "magnesium", "protein powder"),
        ("维生素滴剂", "鱼油", "镁片", "蛋白粉"),
    ),
    Category(
        "toys", 24, 340, 1.0, 180, 0.3, 0.06,
        ("puzzle", "building blocks", "doll", "board game", "train set"),
        ("拼图", "积木", "娃娃", "桌游", "小火车"),
    ),
    Category(
        "kitchen", 28, 330, 0.4, 240, 0.3, 0.06,
        ("mug", "teapot", "frying pan", "lunch box", "cutting board"),
        ("马克杯", "茶壶", "平底锅", "饭盒", "砧板"),
    ),
    Category(
        "decoration", 15, 335, 0.9, 150, 0.5, 0.05,
        ("candle", "lantern", "picture frame", "cushion", "wreath"),
        ("蜡烛", "灯笼", "相框", "靠垫", "花环"),
    ),
    Category(
        "garden", 19, 125, 1.1, 200, 0.5, 0.04,
        ("flower pot", "seeds", "watering can", "bird house", "garden gloves"),
        ("花盆", "种子", "洒水壶", "鸟屋", "园艺手套"),
    ),
    Category(
        "stationery", 5, 245, 0.7, 70, 1.2, 0.02,
        ("notebook", "fountain pen", "gift wrap", "greeting cards", "pencils"),
        ("笔记本", "钢笔", "包装纸", "贺卡", "铅笔"),
    ),
    Category(
        "clothing", 35, 320, 0.5, 200, 0.3, 0.18,
        ("scarf", "socks", "t-shirt", "slippers", "gloves"),
        ("围巾", "袜子", "T恤", "拖鞋", "手套"),
    ),
)  # fmt: skip
STYLES: Final = (
    ("organic", "classic", "vintage", "modern", "handmade", "gentle", "premium", "family", "mini",
     "nordic", "royal", "little"),
    ("有机", "经典", "复古", "现代", "手工", "温和", "高级", "家庭装", "迷你",
     "北欧风", "皇家", "小号"),
)  # fmt: skip
SHADES: Final = (
    ("red", "blue", "green", "white", "black", "golden", "rose", "lavender", "honey", "oak"),
    ("红色", "蓝色", "绿色", "白色", "黑色", "金色", "玫瑰", "薰衣草", "蜂蜜", "橡木"),
)  # fmt: skip
NOUNS: Final = (
    tuple(noun for category in CATEGORIES for noun in category.english),
    tuple(noun for category in CATEGORIES for noun in category.chinese),
)
