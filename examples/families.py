"""Parameterised rows: a pattern filled with facts, numbers or names, so that many rows share the pattern alone."""

import datetime
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Example:
    """One instruction with its answer; ``context`` is empty where the instruction says it all."""

    instruction: str
    answer: str
    context: str = ""

    @property
    def prompt(self) -> str:
        """The instruction, and the context on a line of its own where there is one."""
        return f"{self.instruction}\n{self.context}" if self.context else self.instruction

    @property
    def text(self) -> str:
        """Question and answer, as the similarity of two rows is measured."""
        return f"{self.prompt}\n{self.answer}"


Lists = dict[str, Any]


def idioms(lists: Lists, _chance: random.Random) -> Iterator[Example]:
    """Meanings of idioms, each with a sentence of its own."""
    for idiom, meaning, sentence in lists["idioms"]:
        yield Example(f"成语“{idiom}”是什么意思？请造一个句子。", f"“{idiom}”{meaning}。例如：{sentence}")


def capitals(lists: Lists, _chance: random.Random) -> Iterator[Example]:
    """Capitals, with something to remember about each."""
    for country, capital, remark in lists["capitals"]:
        yield Example(f"{country}的首都是哪里？", f"{country}的首都是{capital}，{remark}。")


def poems(lists: Lists, _chance: random.Random) -> Iterator[Example]:
    """The line that follows a well-known line."""
    for line, following, title, author in lists["poems"]:
        yield Example(f"“{line}”的下一句是什么？", f"下一句是“{following}”，出自{author}的《{title}》。")


def translations(lists: Lists, chance: random.Random) -> Iterator[Example]:
    """Sentences to be translated, in either direction."""
    for chinese, english in lists["sentences"]:
        if chance.random() < 0.5:
            yield Example("把下面的句子翻译成英文。", english, chinese)
        else:
            yield Example("把下面的英文翻译成中文。", chinese, english)


def journeys(lists: Lists, _chance: random.Random) -> Iterator[Example]:
    """Three days in a city, in each season: the sights are the city's, the advice is the season's."""
    for city, sights, dish, hint in lists["cities"]:
        for season, advice in lists["seasons"].items():
            yield Example(
                f"{season}去{city}玩三天，怎么安排？",
                f"{advice}{city}必去的是{sights}，一天一处，不赶时间。吃的推荐{dish}。{hint}。",
            )


def slogans(lists: Lists, _chance: random.Random) -> Iterator[Example]:
    """Slogans for products."""
    for product, slogan in lists["products"].items():
        yield Example("为下面的产品写一句广告语。", slogan, product)


def functions(lists: Lists, _chance: random.Random) -> Iterator[Example]:
    """Small Python functions."""
    for task, code in lists["functions"].items():
        yield Example(f"用 Python 写一个函数：{task}。", f"```python\n{code}\n```")


def purchases(_lists: Lists, chance: random.Random) -> Iterator[Example]:
    """Sums about buying, with names, goods and numbers drawn by chance."""
    names = ["小明", "李雷", "韩梅梅", "王奶奶", "张叔叔", "阿依古丽", "老赵", "陈同学", "林老师", "周阿姨"]
    goods = ["铅笔", "苹果", "练习本", "灯泡", "毛巾", "鸡蛋", "螺丝", "邮票", "酸奶", "花盆", "电池", "信封"]
    for name in names * 5:
        first, second = chance.sample(goods, 2)
        count, other, price, more = (chance.randint(2, 39) for _ in range(4))
        total = count * price + other * more
        yield Example(
            f"{name}买了{count}个{first}，每个{price}元，又买了{other}个{second}，每个{more}元，一共花了多少钱？",
            f"{first}：{count}×{price}={count * price}元；{second}：{other}×{more}={other * more}元；"
            f"合计 {count * price}+{other * more}={total}元。",
        )


def meetings(_lists: Lists, chance: random.Random) -> Iterator[Example]:
    """Two vehicles that drive towards each other."""
    vehicles = [
        "客车和货车",
        "两列火车",
        "甲乙两辆摩托车",
        "快艇和渡轮",
        "两名骑行者",
        "一辆校车和一辆警车",
        "两架无人机",
        "两匹马",
    ]
    for pair in vehicles * 2:
        slow, fast, hours = chance.randint(11, 60), chance.randint(61, 99), chance.randint(2, 9)
        yield Example(
            f"{pair}从相距{(slow + fast) * hours}千米的两地同时相向出发，"
            f"速度分别是每小时{slow}和{fast}千米，几小时后相遇？",
            f"每小时一共靠近 {slow}+{fast}={slow + fast} 千米，{(slow + fast) * hours}÷{slow + fast}={hours}，"
            f"所以{hours}小时后相遇。",
        )


def units(_lists: Lists, chance: random.Random) -> Iterator[Example]:
    """Conversions between units."""
    table = [
        ("公里", "米", 1000),
        ("吨", "千克", 1000),
        ("小时", "秒", 3600),
        ("公顷", "平方米", 10000),
        ("英尺", "厘米", 30.48),
        ("磅", "克", 453.6),
        ("海里", "米", 1852),
        ("亩", "平方米", 666.67),
        ("加仑", "升", 3.785),
        ("斤", "克", 500),
        ("英寸", "毫米", 25.4),
        ("周", "小时", 168),
    ]
    for source, target, factor in table:
        for _ in range(4):
            amount = chance.randint(2, 950)
            result = f"{amount * factor:.2f}".rstrip("0").rstrip(".")
            yield Example(
                f"{amount}{source}等于多少{target}？",
                f"1{source}={factor}{target}，{amount}×{factor}={result}，所以是{result}{target}。",
            )


def orderings(_lists: Lists, chance: random.Random) -> Iterator[Example]:
    """Numbers to be put in order."""
    for _ in range(36):
        numbers = [chance.randint(-99, 999) for _ in range(chance.randint(6, 9))]
        given, ordered = ("、".join(map(str, values)) for values in (numbers, sorted(numbers)))
        yield Example("把下列数从小到大排列。", ordered, given)


def factors(_lists: Lists, chance: random.Random) -> Iterator[Example]:
    """Prime factors."""
    for number in chance.sample(range(100, 5000), 60):
        rest, parts, divisor = number, list[int](), 2
        while rest > 1:
            while rest % divisor == 0:
                parts.append(divisor)
                rest //= divisor
            divisor += 1
        answer = f"{number} 是质数，不能再分解。" if len(parts) == 1 else f"{number} = {' × '.join(map(str, parts))}"
        yield Example(f"把 {number} 分解质因数。", answer)


def number_bases(_lists: Lists, chance: random.Random) -> Iterator[Example]:
    """Numbers in other bases."""
    for number in chance.sample(range(17, 4000), 44):
        yield Example(
            f"十进制数 {number} 写成二进制和十六进制各是多少？",
            f"二进制是 {number:b}，十六进制是 {number:X}。",
        )


def dates(_lists: Lists, chance: random.Random) -> Iterator[Example]:
    """A day some days after another day."""
    weekdays = "一二三四五六日"
    for _ in range(54):
        start = datetime.date(2020, 1, 1) + datetime.timedelta(days=chance.randint(0, 2500))
        days = chance.randint(12, 400)
        end = start + datetime.timedelta(days=days)
        yield Example(
            f"{start.year}年{start.month}月{start.day}日再过{days}天是哪一天？",
            f"是{end.year}年{end.month}月{end.day}日，星期{weekdays[end.weekday()]}。",
        )


def reviews(_lists: Lists, chance: random.Random) -> Iterator[Example]:
    """Reviews to be judged as good or bad, put together from a subject and an opinion of it."""
    opinions = {
        "这家酒店": ["床品干净，窗外就是江景，下次还住", "隔音太差，半夜听得见隔壁的电视"],
        "新买的键盘": ["手感清脆，打一天字也不累", "用了两周空格键就失灵了"],
        "楼下的理发店": ["师傅先问清楚再动剪刀，剪得很精神", "一直推销办卡，头发还剪短了一大截"],
        "这部纪录片": ["镜头克制，看完久久说不出话", "旁白啰嗦，配乐盖过了人声"],
        "外卖的牛肉面": ["汤和面分开装，到家还是筋道的", "等了一个半小时，面坨成了饼"],
        "这双登山鞋": ["走了二十公里，脚上一个泡也没有", "第一次下雨就开胶了"],
        "这门网课": ["每节后面都有练习，老师三天内批改", "讲的全是书上的原话，作业没人看"],
        "小区的快递柜": ["位置宽敞，扫码三秒就开门", "经常满仓，超时还要收费"],
        "这款防晒霜": ["不油不白，运动出汗也没花", "涂完长痘，味道也刺鼻"],
        "社区医院": ["医生耐心解释了每一项化验", "排了一上午队，进去不到一分钟"],
        "二手书店": ["书保存得很好，老板还送了书签", "说是九成新，收到发现缺了二十页"],
        "这台洗衣机": ["声音轻，脱水以后几乎不用晾太久", "每次脱水都走到厨房门口"],
    }
    for subject, (good, bad) in opinions.items():
        for opinion, verdict in ((good, "正面"), (bad, "负面")):
            middle = chance.choice(["，", "，说实话，", "，我觉得", "，真没想到，"])
            yield Example("判断下面这条评论的情感倾向，回答正面或负面。", verdict, f"{subject}{middle}{opinion}。")


def extractions(_lists: Lists, chance: random.Random) -> Iterator[Example]:
    """Sentences from which a name, a place and a time are to be taken."""
    people = [
        "赵文静",
        "孙建国",
        "钱多多",
        "欧阳倩",
        "吴桐",
        "冯一鸣",
        "司马南山",
        "古丽娜",
        "扎西",
        "何小满",
        "马骏",
        "唐果",
    ]
    places = [
        "敦煌",
        "烟台港",
        "武当山",
        "景德镇",
        "伊犁河谷",
        "泉州开元寺",
        "漠河",
        "三亚湾",
        "平遥古城",
        "张家界",
        "喀什",
        "延吉",
    ]
    deeds = [
        "参加陶艺比赛",
        "拍摄星空",
        "看望退休的老师",
        "做田野调查",
        "领取志愿者证书",
        "观看龙舟赛",
        "采访一位木匠",
        "测量水位",
    ]
    for person, place in zip(people, places, strict=True):
        for _ in range(3):
            time = f"{chance.randint(1, 12)}月{chance.randint(1, 28)}日"
            deed = chance.choice(deeds)
            yield Example(
                "从句子中找出人物、地点和时间。",
                f"人物：{person}；地点：{place}；时间：{time}。",
                chance.choice(
                    [
                        f"{time}，{person}独自前往{place}{deed}。",
                        f"听说{person}打算{time}到{place}去{deed}，我们都很羡慕。",
                        f"为了{deed}，{person}在{time}赶到了{place}。",
                    ]
                ),
            )


def letters(_lists: Lists, _chance: random.Random) -> Iterator[Example]:
    """Short letters: the greeting is the reader's, the body is the occasion's."""
    readers = {
        "爷爷": ("爷爷：", "院子里的石榴该红了吧，记得给我留两个。", "您的孙子"),
        "班主任": ("尊敬的周老师：", "教室后面的绿萝我每天都浇，长得很好。", "学生 何小满"),
        "老同学": ("老同学：", "上次你说的那家面馆还在，老板还记得我们。", "阿亮"),
        "新邻居": ("您好：", "我住在三楼东户，有空欢迎来坐。", "三楼的邻居"),
        "部门同事": ("各位同事：", "季度报表的模板放在共享文件夹里，大家可以直接用。", "行政部 小高"),
        "远方的笔友": ("亲爱的朋友：", "随信寄去一片银杏叶，是我们学校最老的那棵树上的。", "你的笔友"),
    }
    occasions = {
        "祝贺新年": "旧的一年里承蒙照顾，新的一年愿您身体硬朗、事事顺心，除夕夜我会打电话拜年，到时候慢慢聊。",
        "表示感谢": "前几天多亏您帮忙，不然我真不知道怎么办才好，这份心意一直记在心里，改天一定当面道谢。",
        "道歉": "那天我说话太急，让您难受了，回来以后想了很久，是我不对，希望您能原谅，以后我会先听完再开口。",
        "邀请聚会": "这个月最后一个周六的下午三点，我在家里准备了茶点和几样小菜，人不多，盼着您能来热闹热闹。",
        "告别": "下个月我就要去另一座城市工作了，收拾东西的时候翻到许多旧照片，才发现一起走过了这么长的路。",
        "报平安": "我已经顺利到达，住处安静，离车站走路十分钟，这里比想象中冷一些，衣服带得够，请不用挂念。",
    }
    for reader, (greeting, remark, signature) in readers.items():
        for occasion, body in occasions.items():
            yield Example(f"给{reader}写一封短信，{occasion}。", f"{greeting}\n{body}{remark}\n{signature}")


def shares(_lists: Lists, chance: random.Random) -> Iterator[Example]:
    """Percentages in English and Chinese."""
    for _ in range(36):
        whole, percent = chance.randint(3, 60) * 20, chance.randint(1, 19) * 5
        part = f"{whole * percent / 100:g}"
        if chance.random() < 0.5:
            yield Example(
                f"What is {percent}% of {whole}?",
                f"{percent}% of {whole} is {part}, because {whole} × {percent} / 100 = {part}.",
            )
        else:
            yield Example(f"{whole}的百分之{percent}是多少？", f"{whole}×{percent}%={part}。")


FAMILIES: tuple[Callable[[Lists, random.Random], Iterator[Example]], ...] = (
    idioms,
    capitals,
    poems,
    translations,
    journeys,
    slogans,
    functions,
    purchases,
    meetings,
    units,
    orderings,
    factors,
    number_bases,
    dates,
    reviews,
    extractions,
    letters,
    shares,
)
