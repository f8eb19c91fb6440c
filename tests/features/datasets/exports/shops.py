"""The mappings and files of small shops."""

from typing import Final

HEADER: Final = "order_id,customer_id,sku,qty,price,date\n"
ORDINARY: Final = """
timezone: Europe/Berlin
currency: EUR
order_lines:
  order_id: order_id
  customer_id: customer_id
  product_id: sku
  quantity: qty
  unit_price: price
  event_timestamp: date
"""

TILL_HEADER: Final = "receipt,till,card,sku,qty,price,time\n"
TILL: Final = """
timezone: Europe/Berlin
currency: EUR
order_lines:
  order_id: receipt
  customer_id: card
  product_id: sku
  quantity: qty
  unit_price: price
  event_timestamp: time
"""

WEB_HEADER: Final = "Name,Email,Created at,Lineitem quantity,Lineitem price,Lineitem sku\n"
WEB: Final = """
timezone: Europe/Berlin
currency: EUR
order_lines:
  order_id: Name
  customer_id: Email
  product_id: Lineitem sku
  quantity: Lineitem quantity
  unit_price: Lineitem price
  event_timestamp: Created at
"""

KAGGLE: Final = """
timezone: Europe/London
currency: GBP
encoding: cp1252
time_format: '%m/%d/%Y %H:%M'
order_lines:
  order_id: InvoiceNo
  customer_id: CustomerID
  product_id: StockCode
  quantity: Quantity
  unit_price: UnitPrice
  event_timestamp: InvoiceDate
fee_product_ids: [POST, DOT, M]
"""
KAGGLE_ROWS: Final = (
    "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
    "600001,85123A,WHITE HOLDER £,6,12/1/2010 8:26,2.55,17850,United Kingdom\n"
    "600002,POST,POSTAGE,1,12/1/2010 8:45,18,12583,France\n"
    "C600003,85123A,WHITE HOLDER £,-1,12/2/2010 9:41,2.55,17850,United Kingdom\n"
    "600004,22139,,56,12/1/2010 11:52,0,,United Kingdom\n"
)

CHINESE: Final = """
timezone: Asia/Shanghai
currency: CNY
encoding: utf-16
delimiter: ","
order_lines:
  order_id: 订单号
  customer_id: 会员
  product_id: 商品
  quantity: 数量
  unit_price: 单价
  event_timestamp: 时间
"""
CHINESE_ROWS: Final = (
    "订单号,会员,商品,数量,单价,时间\n"
    "001,甲,茶,1,12.5,2024-01-01 10:00:00\n"
    "002,乙,杯子,2,30,2024-01-02 11:00:00\n"
)

POS: Final = """
timezone: Asia/Shanghai
currency: CNY
encoding: gbk
time_format: "%Y/%m/%d %H:%M:%S"
order_lines:
  order_id: 流水号
  customer_id: 会员卡号
  product_id: 商品编码
  quantity: 数量
  unit_price: 单价
  store_id: 门店
  event_timestamp: 交易时间
"""
POS_ROWS: Final = (
    "门店,收银机号,流水号,会员卡号,商品编码,商品名称,数量,单价,实收金额,交易时间,备注\r\n"
    "一号店,1,0001,\t8800000000000095,\t6900000000039,雨伞39,1,32.25,32.25,2024/01/10 09:39:28,\r\n"
    "一号店,1,0001,\t8800000000000095,\t6900000000003,糖果3,1,5.25,5.25,2024/01/10 09:39:28,\r\n"
    "一号店,2,0001,散客,\t6900000000008,牙刷8,-1,9.00,-9.00,2024/01/10 11:17:06,退货\r\n"
    "一号店,2,0002,\t8800000000000087,\t6900000000004,杯子4,1,6.00,6.00,2024/01/10 14:15:08,\r\n"
    "一号店,2,0002,\t8800000000000087,\t6900000000004,杯子4,1,6.00,6.00,2024/01/10 14:15:08,\r\n"
    "一号店,1,0001,\t8800000000000148,\t6900000000006,毛巾6,1,7.50,7.50,2024/01/11 13:40:15,\r\n"
    "一号店,1,0002,散客,\t6900000000020,绿茶20,1,18.00,18.00,2024/01/12 08:19:11,\r\n"
    "合计,,,,,,5,,66.00,,\r\n"
)

SHOPIFY: Final = (
    WEB
    + """
products:
  file: shopify.csv
  product_id: Lineitem sku
  title: Lineitem name
  category: Vendor
"""
)
SHOPIFY_ROWS: Final = (
    "Name,Email,Financial Status,Currency,Total,Created at,Lineitem quantity,Lineitem name,"
    "Lineitem price,Lineitem sku,Billing Country,Cancelled at,Refunded Amount,Vendor\n"
    '#4,cust2@shop.test,voided,EUR,5.00,2024-12-05 09:00:00 +0100,1,"Cup, ""red""",5.00,CUP,DE,'
    "2024-12-05 10:00:00 +0100,0.00,Our Shop\n"
    '#3,cust1@shop.test,refunded,EUR,9.00,2024-12-04 18:51:19 +0100,1,"Cup, ""red""",5.00,CUP,DE,,'
    "9.00,Our Shop\n"
    "#3,cust1@shop.test,,,,2024-12-04 18:51:19 +0100,1,Tea &amp; more,4.00,TEA,,,,Our Shop\n"
    "#2,,paid,EUR,4.00,2024-07-04 08:13:59 +0200,1,Tea,4.00,TEA,,,0.00,Our Shop\n"
    '#1,CUST1@SHOP.TEST,paid,EUR,14.00,2024-07-03 12:40:24 +0200,2,"Cup, ""blue""",5.00,CUP,DE,,'
    "0.00,Our Shop\n"
    "#1,CUST1@SHOP.TEST,,,,2024-07-03 12:40:24 +0200,1,Tea,4.00,TEA,,,,Our Shop\n"
)
